#include "text/jinja/value.h"

#include <algorithm>
#include <limits>

#include "base/utf8.h"
#include "text/jinja/operators.h"

namespace winnow::jinja {
namespace {

constexpr int kMaxDepth = 200;       // values are walked by recursion
constexpr size_t kIndexedFrom = 16;  // smaller dicts are searched

int depth_of(const Value& value) { return value.depth(); }

int checked_depth(int depth) {
  if (depth > kMaxDepth)
    fail(Code::kUnsupported, "want at most ", kMaxDepth,
         " containers inside one another, got more");
  return depth;
}

void build_index(Dict& dict) {
  if (dict.items.size() < kIndexedFrom) return;
  for (size_t i = 0; i < dict.items.size(); ++i)
    if (dict.items[i].first.is_string()) dict.index.emplace(dict.items[i].first.text(), i);
}

Value object_from_json(const Json& json) {
  auto dict = std::make_shared<Dict>();
  int depth = 0;
  for (const auto& [key, member] : json.members()) {
    if (invalid_utf8_at(key))
      fail(Code::kInvalidArgument, json.path(), ": want UTF-8 keys, got other bytes");
    dict->items.emplace_back(std::string(key), Value::from_json(member));
    depth = std::max(depth, depth_of(dict->items.back().second));
  }
  dict->depth = checked_depth(depth + 1);
  build_index(*dict);
  return Value(std::shared_ptr<const Dict>(std::move(dict)));
}

Value number_from_json(const Json& json) {
  if (!json.is_integer()) return json.number();
  if (json.number() >= 9223372036854775808.0)
    fail(Code::kInvalidArgument, json.path(), ": want an integer of 64 bits, got a larger one");
  return json.integer();
}

}  // namespace

Value Value::undefined(std::string why) {
  Value value;
  value.data_ = Undefined{std::make_shared<const std::string>(std::move(why))};
  return value;
}

Value Value::from_json(const Json& json) {
  if (json.is_null()) return {};
  if (json.is_bool()) return json.boolean();
  if (json.is_number()) return number_from_json(json);
  if (json.is_object()) return object_from_json(json);
  if (json.is_string()) {
    if (invalid_utf8_at(json.string()))
      fail(Code::kInvalidArgument, json.path(), ": want UTF-8, got other bytes");
    return std::string(json.string());
  }
  auto list = std::make_shared<Sequence>();
  int depth = 0;
  for (size_t i = 0; i < json.size(); ++i) {
    list->items.push_back(from_json(json[i]));
    depth = std::max(depth, depth_of(list->items.back()));
  }
  list->depth = checked_depth(depth + 1);
  return list;
}

int64_t Value::whole() const {
  return is_bool() ? static_cast<int64_t>(std::get<bool>(data_)) : std::get<int64_t>(data_);
}

double Value::real() const {
  return is_float() ? std::get<double>(data_) : static_cast<double>(whole());
}

bool Value::truth() const {
  if (is_none() || is_undefined()) return false;
  if (is_float()) return real() != 0;
  if (is_number()) return whole() != 0;
  if (is_string()) return !text().empty();
  if (const Sequence* s = sequence()) return s->is_generator() || !s->items.empty();
  if (const Dict* d = dict()) return !d->items.empty();
  return true;
}

std::string_view Value::type() const {
  if (const Sequence* s = sequence()) {
    if (s->flavor == Sequence::Flavor::kTuple) return "tuple";
    if (s->flavor == Sequence::Flavor::kRange) return "range";
    if (s->flavor == Sequence::Flavor::kView) return s->name;
    return s->is_generator() ? "generator" : "list";
  }
  if (is_string()) return is_safe() ? "Markup" : "str";
  if (const Callable* c = callable()) return c->macro ? "Macro" : "builtin_function_or_method";
  if (is_none()) return "NoneType";
  if (is_undefined()) return "Undefined";
  if (is_bool()) return "bool";
  if (is_int()) return "int";
  if (is_float()) return "float";
  if (dict()) return "dict";
  return space() ? "Namespace" : "LoopContext";
}

bool Value::same_as(const Value& o) const {
  if (data_.index() != o.data_.index()) return false;
  if (is_none()) return true;
  if (is_bool() || is_int()) return whole() == o.whole();
  if (is_float()) return real() == o.real();
  if (is_string()) return text() == o.text();
  return sequence() == o.sequence() && dict() == o.dict() && space() == o.space() &&
         callable() == o.callable() && loop() == o.loop();
}

int Value::depth() const {
  if (const Sequence* s = sequence()) return s->depth;
  if (const Dict* d = dict()) return d->depth;
  if (const Callable* c = callable()) return c->self.depth();
  return 0;
}

const Value* Dict::find(std::string_view key) const {
  if (!index.empty()) {
    const auto found = index.find(key);
    return found == index.end() ? nullptr : &items[found->second].second;
  }
  for (const auto& [k, v] : items)
    if (k.is_string() && k.text() == key) return &v;
  return nullptr;
}

const Value* Dict::find(const Value& key) const {
  if (key.is_string()) return find(std::string_view(key.text()));
  if (key.dict() || (key.sequence() && key.sequence()->flavor != Sequence::Flavor::kTuple))
    fail(Code::kInvalidArgument, "unhashable type: '", key.type(), "'");
  Budget budget;
  for (const auto& [k, v] : items)
    if (equal(budget, k, key)) return &v;
  return nullptr;
}

Parameters::Parameters(std::string_view function, const Arguments& arguments,
                       std::initializer_list<std::string_view> names)
    : function_(function), names_(names), values_(names.size(), nullptr) {
  if (arguments.positional.size() > names_.size())
    fail(Code::kInvalidArgument, function, ": want at most ", names_.size(), " arguments, got ",
         arguments.positional.size());
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end())
      fail(Code::kInvalidArgument, function, ": unexpected keyword argument '", name, "'");
    const Value*& place = values_[static_cast<size_t>(found - names_.begin())];
    if (place)
      fail(Code::kInvalidArgument, function, ": multiple values for argument '", name, "'");
    place = &value;
  }
}

const Value& Parameters::want(size_t i) const {
  if (!values_[i]) fail(Code::kInvalidArgument, function_, ": missing argument '", names_[i], "'");
  return *values_[i];
}

int64_t Parameters::whole(size_t i, int64_t absent) const {
  if (!values_[i] || values_[i]->is_none()) return absent;
  values_[i]->want_defined();
  if (!values_[i]->is_whole())
    fail(Code::kInvalidArgument, function_, ": want an integer as '", names_[i], "', got ",
         values_[i]->type());
  return values_[i]->whole();
}

std::string Parameters::text(size_t i, std::string_view absent) const {
  if (!values_[i] || values_[i]->is_none()) return std::string(absent);
  values_[i]->want_defined();
  if (!values_[i]->is_string())
    fail(Code::kInvalidArgument, function_, ": want a string as '", names_[i], "', got ",
         values_[i]->type());
  return values_[i]->text();
}

Value make_sequence(Budget& budget, std::vector<Value> items, Sequence::Flavor flavor,
                    std::string name) {
  budget.bytes(static_cast<int64_t>(64 + items.size() * sizeof(Value)));
  auto out = std::make_shared<Sequence>();
  int depth = 0;
  for (const Value& item : items) depth = std::max(depth, item.depth());
  out->depth = checked_depth(depth + 1);
  out->flavor = flavor;
  out->items = std::move(items);
  out->name = std::move(name);
  return out;
}

Value make_dict(Budget& budget, std::vector<std::pair<Value, Value>> items) {
  budget.bytes(static_cast<int64_t>(64 + items.size() * 4 * sizeof(Value)));
  auto out = std::make_shared<Dict>();
  int depth = 0;
  std::unordered_map<std::string, size_t> places;
  for (auto& [key, value] : items) {
    depth = std::max({depth, key.depth(), value.depth()});
    if (key.is_string()) {
      const auto [place, fresh] = places.emplace(key.text(), out->items.size());
      if (fresh)
        out->items.emplace_back(std::move(key), std::move(value));
      else
        out->items[place->second].second = std::move(value);
      continue;
    }
    budget.step(static_cast<int64_t>(out->items.size()));
    if (const Value* found = out->find(key))
      *const_cast<Value*>(found) = std::move(value);
    else
      out->items.emplace_back(std::move(key), std::move(value));
  }
  out->depth = checked_depth(depth + 1);
  build_index(*out);
  return Value(std::shared_ptr<const Dict>(std::move(out)));
}

Value make_native(std::string name, Callable::Native native, Value self) {
  auto out = std::make_shared<Callable>();
  out->name = std::move(name);
  out->native = native;
  out->self = std::move(self);
  return Value(std::shared_ptr<const Callable>(std::move(out)));
}

std::vector<Value> elements(Budget& budget, const Value& value) {
  std::vector<Value> out;
  if (value.is_undefined()) return out;
  if (Sequence* s = value.sequence()) {
    const size_t from = s->is_generator() ? s->next : 0;
    if (s->is_generator()) s->next = s->items.size();
    budget.bytes(static_cast<int64_t>((s->items.size() - from) * sizeof(Value)));
    out.assign(s->items.begin() + static_cast<std::ptrdiff_t>(from), s->items.end());
  } else if (const Dict* d = value.dict()) {
    budget.bytes(static_cast<int64_t>(d->items.size() * sizeof(Value)));
    for (const auto& [key, _] : d->items) out.push_back(key);
  } else if (value.is_string()) {
    const std::string& text = value.text();
    budget.bytes(static_cast<int64_t>(text.size() * (sizeof(Value) + 64)));
    for (size_t at = 0; at < text.size();) {
      const int bytes = decode_utf8(text, at).bytes;
      out.emplace_back(text.substr(at, static_cast<size_t>(bytes)), value.is_safe());
      at += static_cast<size_t>(bytes);
    }
  } else {
    fail(Code::kInvalidArgument, '\'', value.type(), "' object is not iterable");
  }
  budget.step(static_cast<int64_t>(out.size()));
  return out;
}

}  // namespace winnow::jinja
