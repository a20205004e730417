// The methods of strings, lists, tuples and dicts. Those that change their object are refused, as
// jinja2's immutable sandbox refuses them.
#include <algorithm>
#include <map>

#include "base/utf8.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace winnow::jinja {
namespace {

using Method = Callable::Native;
using Flavor = Sequence::Flavor;

Value list_of(Budget& budget, const std::vector<std::string_view>& pieces,
              Flavor flavor = Flavor::kList) {
  std::vector<Value> items;
  for (const std::string_view piece : pieces) {
    budget.bytes(static_cast<int64_t>(piece.size() + sizeof(Value) + 64));
    items.emplace_back(std::string(piece));
  }
  return make_sequence(budget, std::move(items), flavor);
}

std::optional<std::string_view> text_or_none(const Parameters& p, size_t i) {
  if (!p[i] || p[i]->is_none()) return std::nullopt;
  p.text(i, "");  // for its error
  return p[i]->text();
}

template <bool left, bool right>
Value str_strip(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("strip", a, {"chars"});
  budget.step(static_cast<int64_t>(self.text().size()) / 64);
  const auto chars = text_or_none(p, 0);
  if (chars) budget.step(static_cast<int64_t>(self.text().size() * chars->size()) / 64);
  const std::string_view kept = strip(self.text(), chars, left, right);
  budget.bytes(static_cast<int64_t>(kept.size()));
  return Value(std::string(kept), self.is_safe());
}

Value str_split(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("split", a, {"sep", "maxsplit"});
  return list_of(budget, split(budget, self.text(), text_or_none(p, 0), p.whole(1, -1)));
}

Value str_rsplit(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("rsplit", a, {"sep", "maxsplit"});
  return list_of(budget, split_right(budget, self.text(), text_or_none(p, 0), p.whole(1, -1)));
}

Value str_splitlines(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("splitlines", a, {"keepends"});
  return list_of(budget, split_lines(budget, self.text(), p.truth(0, false)));
}

// With start and end, as slices have them; the affix a string or a tuple of strings.
template <bool at_start>
Value str_has_affix(Budget& budget, const Value& self, const Arguments& a) {
  const std::string_view name = at_start ? "startswith" : "endswith";
  const Parameters p(name, a, {"affix", "start", "end"});
  const Value absent;
  const Value part =
      p[1] || p[2] ? get_slice(budget, self, p[1] ? *p[1] : absent, p[2] ? *p[2] : absent, absent)
                   : self;
  const auto has = [&](const Value& affix) {
    affix.want_defined();
    if (!affix.is_string())
      fail(Code::kInvalidArgument, name, " first arg must be str or a tuple of str, not ",
           affix.type());
    budget.step();
    return at_start ? part.text().starts_with(affix.text()) : part.text().ends_with(affix.text());
  };
  const Value& affix = p.want(0);
  if (!affix.sequence() || affix.sequence()->flavor != Flavor::kTuple) return has(affix);
  return std::any_of(affix.sequence()->items.begin(), affix.sequence()->items.end(), has);
}

Value str_replace(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("replace", a, {"old", "new", "count"});
  p.want(0);
  p.want(1);
  return Value(replace(budget, self.text(), p.text(0, ""), p.text(1, ""), p.whole(2, -1)),
               self.is_safe());
}

template <std::string (*change)(Budget&, std::string_view)>
Value str_changed(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("str method", a, {});
  return Value(change(budget, self.text()), self.is_safe());
}

Value str_join(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("join", a, {"iterable"});
  p.want(0).want_defined();
  Builder out(budget);
  size_t at = 0;
  for (const Value& item : elements(budget, p.want(0))) {
    if (!item.is_string())
      fail(Code::kInvalidArgument, "sequence item ", at, ": expected str instance, ", item.type(),
           " found");
    if (at++ > 0) out += self.text();
    out += item.text();
  }
  return out.take();
}

template <bool from_right, bool raises>
Value str_find(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("find", a, {"sub", "start", "end"});
  if (p[1] || p[2]) fail(Code::kUnsupported, "find: want no start and end, got them");
  const std::string sub = p.text(0, "");
  p.want(0);
  const std::string& text = self.text();
  budget.step(static_cast<int64_t>(text.size()) / 8);
  const size_t at = from_right ? text.rfind(sub) : text.find(sub);
  if (at == text.npos && raises) fail(Code::kInvalidArgument, "substring not found");
  return at == text.npos ? int64_t{-1} : code_points(std::string_view(text).substr(0, at));
}

Value str_count(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("count", a, {"sub"});
  p.want(0);
  const std::string sub = p.text(0, "");
  if (sub.empty()) return code_points(self.text()) + 1;
  return static_cast<int64_t>(split(budget, self.text(), sub, -1).size()) - 1;
}

// All code points pass and there is at least one.
template <bool (*passes)(char32_t)>
Value str_all(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("str test", a, {});
  const std::string& text = self.text();
  budget.step(static_cast<int64_t>(text.size()) / 8);
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    if (!passes(c.value)) return false;
    at += static_cast<size_t>(c.bytes);
  }
  return !text.empty();
}

bool is_digit(char32_t c) {
  if (c >= 0x80 && is_letter(c))
    fail(Code::kUnsupported, "isdigit: want ASCII, got code point ", static_cast<uint32_t>(c));
  return c >= '0' && c <= '9';
}
bool is_letter_or_digit(char32_t c) { return is_letter(c) || is_digit(c); }

// Whether it has a cased letter and none that `change` would change.
template <std::string (*change)(Budget&, std::string_view)>
Value str_is_case(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("str test", a, {});
  const std::string& text = self.text();
  bool cased = false;
  for (size_t at = 0; at < text.size() && !cased;) {
    const CodePoint c = decode_utf8(text, at);
    cased = is_cased_letter(c.value);
    at += static_cast<size_t>(c.bytes);
  }
  return cased && change(budget, text) == text;
}

template <bool from_right>
Value str_partition(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("partition", a, {"sep"});
  p.want(0);
  const std::string sep = p.text(0, "");
  if (sep.empty()) fail(Code::kInvalidArgument, "empty separator");
  const std::string_view text = self.text();
  const size_t at = from_right ? text.rfind(sep) : text.find(sep);
  std::vector<std::string_view> parts = {text, "", ""};
  if (at != text.npos)
    parts = {text.substr(0, at), sep, text.substr(at + sep.size())};
  else if (from_right)
    parts = {"", "", text};
  return list_of(budget, parts, Flavor::kTuple);
}

template <bool at_start>
Value str_without_affix(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("removeprefix", a, {"affix"});
  p.want(0);
  const std::string affix = p.text(0, "");
  std::string_view text = self.text();
  if (at_start && text.starts_with(affix)) text.remove_prefix(affix.size());
  if (!at_start && text.ends_with(affix)) text.remove_suffix(affix.size());
  budget.bytes(static_cast<int64_t>(text.size()));
  return std::string(text);
}

template <bool left, bool right>
Value str_pad(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("ljust", a, {"width", "fillchar"});
  p.want(0);
  const std::string fill = p.text(1, " ");
  if (code_points(fill) != 1)
    fail(Code::kInvalidArgument, "The fill character must be exactly one character long");
  const int64_t width = p.whole(0, 0);
  const int64_t lacks = std::max<int64_t>(0, width - code_points(self.text()));
  const int64_t before = left && right ? lacks / 2 + (lacks & width & 1) : left ? lacks : 0;
  Builder out(budget);
  out.repeat(fill, before);
  out += self.text();
  out.repeat(fill, lacks - before);
  return out.take();
}

Value str_zfill(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("zfill", a, {"width"});
  p.want(0);
  const std::string_view text = self.text();
  const bool sign = text.starts_with('-') || text.starts_with('+');
  Builder out(budget);
  out += text.substr(0, sign ? 1 : 0);
  out.repeat("0", p.whole(0, 0) - code_points(text));
  out += text.substr(sign ? 1 : 0);
  return out.take();
}

Value str_format(Budget& budget, const Value& self, const Arguments& a) {
  return format_fields(budget, self.text(), a);
}

Value seq_index(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("index", a, {"value"});
  const auto& items = self.sequence()->items;
  for (size_t i = 0; i < items.size(); ++i)
    if (equal(budget, items[i], p.want(0))) return static_cast<int64_t>(i);
  fail(Code::kInvalidArgument, to_repr(budget, p.want(0)), " is not in list");
}

Value seq_count(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("count", a, {"value"});
  int64_t count = 0;
  for (const Value& item : self.sequence()->items) count += equal(budget, item, p.want(0));
  return count;
}

Value seq_copy(Budget&, const Value& self, const Arguments& a) {
  const Parameters p("copy", a, {});
  return self;  // nothing can change it
}

Value dict_keys(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("keys", a, {});
  return make_sequence(budget, elements(budget, self), Flavor::kView, "dict_keys");
}

Value dict_values(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("values", a, {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict()->items) items.push_back(value);
  return make_sequence(budget, std::move(items), Flavor::kView, "dict_values");
}

Value dict_items(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("items", a, {});
  std::vector<Value> items;
  for (const auto& [key, value] : self.dict()->items)
    items.push_back(make_sequence(budget, {key, value}, Flavor::kTuple));
  return make_sequence(budget, std::move(items), Flavor::kView, "dict_items");
}

Value dict_get(Budget& budget, const Value& self, const Arguments& a) {
  const Parameters p("get", a, {"key", "default"});
  budget.step(p.want(0).is_string() ? 1 : static_cast<int64_t>(self.dict()->items.size()));
  const Value* found = self.dict()->find(p.want(0));
  return found ? *found : p[1] ? *p[1] : Value();
}

Value refused(Budget&, const Value&, const Arguments&) { return {}; }

using Table = std::map<std::string_view, Method>;

const Table& string_methods() {
  static const Table table = {
      {"strip", str_strip<true, true>},
      {"lstrip", str_strip<true, false>},
      {"rstrip", str_strip<false, true>},
      {"split", str_split},
      {"rsplit", str_rsplit},
      {"splitlines", str_splitlines},
      {"startswith", str_has_affix<true>},
      {"endswith", str_has_affix<false>},
      {"replace", str_replace},
      {"lower", str_changed<lower>},
      {"upper", str_changed<upper>},
      {"title", str_changed<title>},
      {"capitalize", str_changed<capitalize>},
      {"join", str_join},
      {"find", str_find<false, false>},
      {"rfind", str_find<true, false>},
      {"index", str_find<false, true>},
      {"rindex", str_find<true, true>},
      {"count", str_count},
      {"isdigit", str_all<is_digit>},
      {"isdecimal", str_all<is_digit>},
      {"isnumeric", str_all<is_digit>},
      {"isalpha", str_all<is_letter>},
      {"isalnum", str_all<is_letter_or_digit>},
      {"isspace", str_all<is_python_space>},
      {"islower", str_is_case<lower>},
      {"isupper", str_is_case<upper>},
      {"partition", str_partition<false>},
      {"rpartition", str_partition<true>},
      {"removeprefix", str_without_affix<true>},
      {"removesuffix", str_without_affix<false>},
      {"ljust", str_pad<false, true>},
      {"rjust", str_pad<true, false>},
      {"center", str_pad<true, true>},
      {"zfill", str_zfill},
      {"format", str_format},
  };
  return table;
}

const Table& list_methods() {
  static const Table table = {{"index", seq_index}, {"count", seq_count}, {"copy", seq_copy},
                              {"append", refused},  {"extend", refused},  {"insert", refused},
                              {"pop", refused},     {"remove", refused},  {"clear", refused},
                              {"sort", refused},    {"reverse", refused}};
  return table;
}

const Table& dict_methods() {
  static const Table table = {{"keys", dict_keys}, {"values", dict_values}, {"items", dict_items},
                              {"get", dict_get},   {"copy", seq_copy},      {"pop", refused},
                              {"update", refused}, {"clear", refused},      {"setdefault", refused},
                              {"popitem", refused}};
  return table;
}

// str methods of Python that winnow lacks: a name error would hide that.
bool is_lacking(std::string_view name) {
  static constexpr std::string_view kNames[] = {
      "casefold",    "encode",  "expandtabs", "format_map", "isascii",  "isidentifier",
      "isprintable", "istitle", "maketrans",  "swapcase",   "translate"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

}  // namespace

Value find_method(const Value& object, std::string_view name) {
  const Table* table = nullptr;
  if (object.is_string()) {
    table = &string_methods();
    if (is_lacking(name)) fail(Code::kUnsupported, "winnow has no str.", name);
  } else if (const Sequence* s = object.sequence()) {
    if (s->flavor == Flavor::kList || s->flavor == Flavor::kTuple) table = &list_methods();
  } else if (object.dict()) {
    table = &dict_methods();
  }
  if (!table) return {};
  const auto found = table->find(name);
  if (found == table->end()) return {};
  if (found->second == refused) {
    if (object.sequence() && object.sequence()->flavor == Flavor::kTuple) return {};
    return Value::undefined(
        cat("access to attribute '", name, "' of '", object.type(), "' object is unsafe."));
  }
  return make_native(std::string(name), found->second, object);
}

}  // namespace winnow::jinja
