// jinja2's tests: `value is name(arguments)`.
#include <map>

#include "text/jinja/python_text.h"
#include "text/jinja/syntax.h"

namespace winnow::jinja {
namespace {

bool is_whole_number(const Value& v) { return v.is_int(); }

int64_t want_whole(const Value& v) {
  v.want_defined();
  if (!v.is_whole()) fail(Code::kInvalidArgument, "want an integer, got ", v.type());
  return v.whole();
}

const Value& argument(const Arguments& a) {
  const Parameters p("test", a, {"other"});
  return p.want(0);
}

bool is_sequence(const Value& v) {
  const Sequence* s = v.sequence();
  if (!s) return v.is_string() || v.dict() || v.is_undefined();
  return !s->is_generator() && s->flavor != Sequence::Flavor::kView;
}

bool is_iterable(const Value& v) {
  return v.sequence() || v.dict() || v.is_string() || v.is_undefined() || v.loop();
}

bool is_case(Budget& budget, const Value& v, std::string (*change)(Budget&, std::string_view)) {
  if (!v.is_string()) fail(Code::kInvalidArgument, "want a string, got ", v.type());
  const Value method = find_method(v, change == lower ? "islower" : "isupper");
  return method.callable()->native(budget, v, {}).truth();
}

template <CompareOp op>
bool compares(Budget& budget, const Value& v, const Arguments& a) {
  return compare(budget, op, v, argument(a));
}

using Table = std::map<std::string_view, Check>;

// Each is `name(arguments)` of jinja2; the lambdas ignore arguments that Python would refuse.
const Table& table() {
  using A = const Arguments&;
  using V = const Value&;
  static const Table checks = {
      {"defined", [](Budget&, V v, A) { return !v.is_undefined(); }},
      {"undefined", [](Budget&, V v, A) { return v.is_undefined(); }},
      {"none", [](Budget&, V v, A) { return v.is_none(); }},
      {"boolean", [](Budget&, V v, A) { return v.is_bool(); }},
      {"true", [](Budget&, V v, A) { return v.is_bool() && v.truth(); }},
      {"false", [](Budget&, V v, A) { return v.is_bool() && !v.truth(); }},
      {"integer", [](Budget&, V v, A) { return is_whole_number(v); }},
      {"float", [](Budget&, V v, A) { return v.is_float(); }},
      {"number", [](Budget&, V v, A) { return v.is_number(); }},
      {"string", [](Budget&, V v, A) { return v.is_string(); }},
      {"mapping", [](Budget&, V v, A) { return v.dict() != nullptr; }},
      {"sequence", [](Budget&, V v, A) { return is_sequence(v); }},
      {"iterable", [](Budget&, V v, A) { return is_iterable(v); }},
      {"callable", [](Budget&, V v, A) { return v.callable() || v.is_undefined(); }},
      {"escaped", [](Budget&, V v, A) { return v.is_safe(); }},
      {"odd", [](Budget&, V v, A) { return want_whole(v) % 2 != 0; }},
      {"even", [](Budget&, V v, A) { return want_whole(v) % 2 == 0; }},
      {"divisibleby",
       [](Budget& b, V v, A a) { return !binary(b, BinaryOp::kMod, v, argument(a)).truth(); }},
      {"lower", [](Budget& b, V v, A) { return is_case(b, v, lower); }},
      {"upper", [](Budget& b, V v, A) { return is_case(b, v, upper); }},
      {"sameas", [](Budget&, V v, A a) { return v.same_as(argument(a)); }},
      {"in", [](Budget& b, V v, A a) { return contains(b, argument(a), v); }},
      {"filter", [](Budget&, V v, A) { return v.is_string() && find_filter(v.text()) != nullptr; }},
      {"test", [](Budget&, V v, A) { return v.is_string() && find_check(v.text()) != nullptr; }},
      {"eq", compares<CompareOp::kEq>},
      {"equalto", compares<CompareOp::kEq>},
      {"==", compares<CompareOp::kEq>},
      {"ne", compares<CompareOp::kNe>},
      {"!=", compares<CompareOp::kNe>},
      {"lt", compares<CompareOp::kLt>},
      {"lessthan", compares<CompareOp::kLt>},
      {"<", compares<CompareOp::kLt>},
      {"le", compares<CompareOp::kLe>},
      {"<=", compares<CompareOp::kLe>},
      {"gt", compares<CompareOp::kGt>},
      {"greaterthan", compares<CompareOp::kGt>},
      {">", compares<CompareOp::kGt>},
      {"ge", compares<CompareOp::kGe>},
      {">=", compares<CompareOp::kGe>},
  };
  return checks;
}

}  // namespace

Check find_check(std::string_view name) {
  const auto found = table().find(name);
  return found == table().end() ? nullptr : found->second;
}

}  // namespace winnow::jinja
