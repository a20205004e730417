#include "text/jinja/globals.h"

#include <algorithm>
#include <ctime>

#include "text/jinja/operators.h"
#include "text/jinja/printing.h"

namespace winnow::jinja {
namespace {

constexpr int64_t kLongestRange = 100'000;  // as jinja2's sandbox has it

Value raise_exception(Budget& budget, const Value&, const Arguments& a) {
  const Parameters p("raise_exception", a, {"message"});
  fail(Code::kInvalidArgument, to_text(budget, p.want(0)));
}

Value strftime_now(Budget& budget, const Value&, const Arguments& a) {
  const Parameters p("strftime_now", a, {"format"});
  p.want(0);
  const std::string format = p.text(0, "") + " ";  // so that an empty text is not an error's sign
  if (format.size() > 1000) fail(Code::kUnsupported, "strftime_now: want a short format");
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[16384];
  size_t size = std::strftime(text, sizeof text, format.c_str(), &local);
  if (size > 0) --size;
  budget.bytes(static_cast<int64_t>(size));
  return std::string(text, size);
}

Value range(Budget& budget, const Value&, const Arguments& a) {
  if (!a.named.empty()) fail(Code::kInvalidArgument, "range() takes no keyword arguments");
  const Parameters p("range", a, {"start", "stop", "step"});
  p.want(0);
  const int64_t start = p[1] ? p.whole(0, 0) : 0, stop = p.whole(p[1] ? 1 : 0, 0);
  const int64_t step = p.whole(2, 1);
  if (step == 0) fail(Code::kInvalidArgument, "range() arg 3 must not be zero");
  constexpr int64_t kFar = 1LL << 60;
  if (std::max({std::abs(start / 2), std::abs(stop / 2), std::abs(step / 2)}) > kFar)
    fail(Code::kUnsupported, "range: want bounds within 60 bits");
  const int64_t span = step > 0 ? stop - start : start - stop;
  const int64_t stride = step > 0 ? step : -step;
  const int64_t count = span <= 0 ? 0 : (span - 1) / stride + 1;
  if (count > kLongestRange)
    fail(Code::kInvalidArgument, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (",
         kLongestRange, ").");
  budget.bytes(count * static_cast<int64_t>(sizeof(Value)));
  std::vector<Value> items;
  for (int64_t i = 0; i < count; ++i) items.emplace_back(start + i * step);
  std::string name = cat("range(", start, ", ", stop, step == 1 ? "" : cat(", ", step), ")");
  return make_sequence(budget, std::move(items), Sequence::Flavor::kRange, std::move(name));
}

// The pairs of dict(...) and namespace(...): one dict, then named ones.
std::vector<std::pair<Value, Value>> pairs_of(std::string_view function, const Arguments& a) {
  std::vector<std::pair<Value, Value>> out;
  if (a.positional.size() > 1 || (a.positional.size() == 1 && !a.positional[0].dict()))
    fail(Code::kUnsupported, function, ": want at most one dict and named arguments");
  if (!a.positional.empty()) out = a.positional[0].dict()->items;
  for (const auto& [name, value] : a.named) out.emplace_back(Value(name), value);
  return out;
}

Value make_dict_of(Budget& budget, const Value&, const Arguments& a) {
  return make_dict(budget, pairs_of("dict", a));
}

}  // namespace

Value make_namespace(Budget& budget, const Value&, const Arguments& a) {
  const Value dict = make_dict(budget, pairs_of("namespace", a));
  auto space = std::make_shared<Namespace>();
  for (const auto& [name, value] : dict.dict()->items) {
    if (!name.is_string())
      fail(Code::kUnsupported, "namespace: want names as strings, got ", name.type());
    if (name.text().starts_with('_'))
      fail(Code::kInvalidArgument,
           "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '",
           name.text(), "'.");
    space->items.emplace_back(name.text(), value);
  }
  return space;
}

Value find_global(std::string_view name) {
  static const std::pair<std::string_view, Value> kGlobals[] = {
      {"range", make_native("range", range)},
      {"dict", make_native("dict", make_dict_of)},
      {"namespace", make_native("namespace", make_namespace)},
      {"raise_exception", make_native("raise_exception", raise_exception)},
      {"strftime_now", make_native("strftime_now", strftime_now)},
  };
  for (const auto& [key, value] : kGlobals)
    if (key == name) return value;
  for (const std::string_view lacking : {"cycler", "joiner", "lipsum"})
    if (name == lacking) fail(Code::kUnsupported, "winnow has no ", name);
  return {};
}

}  // namespace winnow::jinja
