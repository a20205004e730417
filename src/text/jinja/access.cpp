// Attributes, items, slices and string formatting.
#include <algorithm>

#include "base/utf8.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace winnow::jinja {
namespace {

using Flavor = Sequence::Flavor;

bool is_indexable(const Value& value) {
  const Sequence* s = value.sequence();
  return value.is_string() || (s && (s->flavor == Flavor::kList || s->flavor == Flavor::kTuple ||
                                     s->flavor == Flavor::kRange));
}

// How an error names the type of an object: "'dict object'".
std::string missing(const Value& object, std::string_view name) {
  const std::string_view type = object.type();
  if (object.is_none()) return cat("'None' has no attribute '", name, "'");
  return cat('\'', type, " object' has no attribute '", name, '\'');
}

std::optional<Value> loop_attribute(const Loop& loop, std::string_view name) {
  const int64_t at = static_cast<int64_t>(loop.index);
  const int64_t size = static_cast<int64_t>(loop.items.size());
  if (name == "index") return at + 1;
  if (name == "index0") return at;
  if (name == "revindex") return size - at;
  if (name == "revindex0") return size - at - 1;
  if (name == "first") return at == 0;
  if (name == "last") return at + 1 == size;
  if (name == "length") return size;
  if (name == "depth") return 1;  // only recursive loops go deeper
  if (name == "depth0") return 0;
  if (name == "previtem")
    return at > 0 ? loop.items[loop.index - 1] : Value::undefined("there is no previous item");
  if (name == "nextitem")
    return at + 1 < size ? loop.items[loop.index + 1] : Value::undefined("there is no next item");
  return std::nullopt;
}

Value loop_cycle(Budget&, const Value& self, const Arguments& a) {
  if (a.positional.empty()) fail(Code::kInvalidArgument, "no items for cycling given");
  return a.positional[self.loop()->index % a.positional.size()];
}

Value loop_changed(Budget& budget, const Value& self, const Arguments& a) {
  Loop& loop = *self.loop();
  bool same = loop.has_seen && loop.last_seen.size() == a.positional.size();
  for (size_t i = 0; same && i < a.positional.size(); ++i)
    same = equal(budget, loop.last_seen[i], a.positional[i]);
  loop.has_seen = true;
  // What it keeps may hold the loop itself, and values that hold each other are never freed.
  for (const Value& value : a.positional)
    if (value.loop() || value.callable() || value.depth() > 0)
      fail(Code::kUnsupported, "loop.changed: want strings and numbers, got ", value.type());
  loop.last_seen = a.positional;
  return !same;
}

// What an object has under a name, but its keys.
std::optional<Value> attribute(const Value& object, std::string_view name) {
  if (const Loop* loop = object.loop()) {
    if (auto found = loop_attribute(*loop, name)) return found;
    if (name == "cycle") return make_native("cycle", loop_cycle, object);
    if (name == "changed") return make_native("changed", loop_changed, object);
  }
  if (const Namespace* space = object.space())
    for (const auto& [key, value] : space->items)
      if (key == name) return value;
  if (const Callable* c = object.callable(); c && c->macro && name == "name") return Value(c->name);
  const Value method = find_method(object, name);
  if (!method.is_none()) return method;
  return std::nullopt;
}

std::optional<Value> item(Budget& budget, const Value& object, const Value& key) {
  if (const Dict* d = object.dict()) {
    budget.step(key.is_string() ? 1 : static_cast<int64_t>(d->items.size()));
    if (key.dict() || (key.sequence() && key.sequence()->flavor != Flavor::kTuple))
      return std::nullopt;
    const Value* found = d->find(key);
    return found ? std::optional<Value>(*found) : std::nullopt;
  }
  if (!is_indexable(object) || !key.is_whole()) return std::nullopt;
  const int64_t size = length(object);
  const int64_t at = key.whole() < 0 ? key.whole() + size : key.whole();
  if (at < 0 || at >= size) return std::nullopt;
  if (const Sequence* s = object.sequence()) return s->items[static_cast<size_t>(at)];
  budget.step(at / 8);
  const size_t begin = byte_offset(object.text(), at);
  const auto bytes = static_cast<size_t>(decode_utf8(object.text(), begin).bytes);
  return Value(object.text().substr(begin, bytes), object.is_safe());
}

struct Range {
  int64_t start, count, step;
};

// Python's slice.indices().
Range slice_of(int64_t size, const Value& start, const Value& stop, const Value& step_value) {
  for (const Value* v : {&start, &stop, &step_value}) {
    v->want_defined();
    if (!v->is_none() && !v->is_whole())
      fail(Code::kInvalidArgument, "slice indices must be integers or None");
  }
  const int64_t step = step_value.is_none() ? 1 : step_value.whole();
  if (step == 0) fail(Code::kInvalidArgument, "slice step cannot be zero");
  if (step == INT64_MIN) fail(Code::kUnsupported, "want a slice step within 64 bits");
  const int64_t lowest = step < 0 ? -1 : 0, highest = step < 0 ? size - 1 : size;
  const auto bound = [&](const Value& v, int64_t absent) {
    if (v.is_none()) return absent;
    const int64_t at = v.whole() < 0 ? v.whole() + size : v.whole();
    return std::clamp(at, lowest, highest);
  };
  const int64_t from = bound(start, step < 0 ? highest : lowest);
  const int64_t to = bound(stop, step < 0 ? lowest : highest);
  const int64_t span = step < 0 ? from - to : to - from;
  const int64_t stride = step < 0 ? -step : step;
  return {from, span <= 0 ? 0 : (span - 1) / stride + 1, step};
}

// One field of a format: "", "0", "name", "name.attr[key]" is refused beyond a plain name.
const Value& field_value(std::string_view field, const Arguments& arguments, size_t& next) {
  if (field.find_first_of("!:.[") != field.npos)
    fail(Code::kUnsupported, "format: want plain fields, got {", field, '}');
  const bool is_number = !field.empty() && field.find_first_not_of("0123456789") == field.npos;
  if (field.empty() || is_number) {
    const size_t at = field.empty()      ? next++
                      : field.size() > 6 ? 1000000
                                         : std::stoul(std::string(field));
    if (at >= arguments.positional.size())
      fail(Code::kInvalidArgument, "Replacement index ", at,
           " out of range for positional args tuple");
    return arguments.positional[at];
  }
  for (const auto& [name, value] : arguments.named)
    if (name == field) return value;
  fail(Code::kInvalidArgument, "format: no argument '", field, "'");
}

}  // namespace

Value get_attribute(Budget& budget, const Value& object, std::string_view name) {
  budget.step();
  object.want_defined();
  if (name.starts_with("__"))
    return Value::undefined(
        cat("access to attribute '", name, "' of '", object.type(), "' object is unsafe."));
  if (auto found = attribute(object, name)) return *found;
  if (const Dict* d = object.dict())
    if (const Value* found = d->find(name)) return *found;
  return Value::undefined(missing(object, name));
}

Value get_item(Budget& budget, const Value& object, const Value& key) {
  budget.step();
  object.want_defined();
  if (auto found = item(budget, object, key)) return *found;
  if (key.is_string())
    if (auto found = attribute(object, key.text())) return *found;
  if (key.is_string()) return Value::undefined(missing(object, key.text()));
  if (key.is_undefined()) return Value::undefined(key.why());
  return Value::undefined(cat(object.type(), " object has no element ",
                              key.is_number() ? to_repr(budget, key) : std::string(key.type())));
}

Value get_slice(Budget& budget, const Value& object, const Value& start, const Value& stop,
                const Value& step) {
  object.want_defined();
  if (!is_indexable(object))
    return Value::undefined(cat('\'', object.type(), "' object is not subscriptable"));
  const Range range = slice_of(length(object), start, stop, step);
  budget.step(range.count / 8);
  if (const Sequence* s = object.sequence()) {
    budget.bytes(range.count * static_cast<int64_t>(sizeof(Value)));
    std::vector<Value> items;
    for (int64_t i = 0; i < range.count; ++i)
      items.push_back(s->items[static_cast<size_t>(range.start + i * range.step)]);
    return make_sequence(budget, std::move(items),
                         s->flavor == Flavor::kRange ? Flavor::kList : s->flavor);
  }
  const std::string& text = object.text();
  budget.step(static_cast<int64_t>(text.size()) / 8);
  Builder out(budget);
  if (range.step == 1) {
    const size_t from = byte_offset(text, range.start);
    const size_t size = byte_offset(std::string_view(text).substr(from), range.count);
    out += std::string_view(text).substr(from, size);
    return Value(out.take(), object.is_safe());
  }
  budget.bytes(static_cast<int64_t>(text.size()) * 8);
  std::vector<size_t> offsets;
  for (size_t at = 0; at < text.size(); at += static_cast<size_t>(decode_utf8(text, at).bytes))
    offsets.push_back(at);
  offsets.push_back(text.size());
  for (int64_t i = 0; i < range.count; ++i) {
    const auto at = static_cast<size_t>(range.start + i * range.step);
    out += std::string_view(text).substr(offsets[at], offsets[at + 1] - offsets[at]);
  }
  return Value(out.take(), object.is_safe());
}

std::string format_fields(Budget& budget, const std::string& format, const Arguments& arguments) {
  Builder out(budget);
  size_t next = 0;
  for (size_t at = 0; at < format.size(); ++at) {
    const char c = format[at];
    if ((c == '{' || c == '}') && at + 1 < format.size() && format[at + 1] == c) {
      out += c;
      ++at;
    } else if (c == '{') {
      const size_t end = format.find('}', at);
      if (end == format.npos) fail(Code::kInvalidArgument, "expected '}' before end of string");
      const std::string_view field = std::string_view(format).substr(at + 1, end - at - 1);
      out += to_text(budget, field_value(field, arguments, next));
      at = end;
    } else if (c == '}') {
      fail(Code::kInvalidArgument, "Single '}' encountered in format string");
    } else {
      out += c;
    }
  }
  return out.take();
}

std::string format_percent(Budget& budget, const std::string& format, const Value& values) {
  std::vector<Value> items;
  if (values.sequence() && values.sequence()->flavor == Flavor::kTuple)
    items = elements(budget, values);
  else
    items.push_back(values);
  Builder out(budget);
  size_t next = 0;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    const char kind = ++at < format.size() ? format[at] : '\0';
    if (kind == '%') {
      out += '%';
      continue;
    }
    if (kind != 's' && kind != 'd' && kind != 'i' && kind != 'r')
      fail(Code::kUnsupported, "%: want %s, %d, %i, %r or %%, got another conversion");
    if (next == items.size())
      fail(Code::kInvalidArgument, "not enough arguments for format string");
    const Value& value = items[next++];
    if (kind == 's' || kind == 'r')
      out += kind == 's' ? to_text(budget, value) : to_repr(budget, value);
    else if (value.is_whole())
      out += std::to_string(value.whole());
    else
      fail(value.is_float() ? Code::kUnsupported : Code::kInvalidArgument,
           "%d format: a real number is required, not ", value.type());
  }
  if (next != items.size() && !values.dict())
    fail(Code::kInvalidArgument, "not all arguments converted during string formatting");
  return out.take();
}

}  // namespace winnow::jinja
