#include "text/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "base/utf8.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace winnow::jinja {
namespace {

using Flavor = Sequence::Flavor;

constexpr std::string_view kSigns[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

[[noreturn]] void no_operator(std::string_view sign, const Value& a, const Value& b) {
  fail(Code::kInvalidArgument, "unsupported operand type(s) for ", sign, ": '", a.type(), "' and '",
       b.type(), "'");
}

[[noreturn]] void too_large() {
  fail(Code::kUnsupported, "want integers within 64 bits, got a larger one");
}

int64_t power(int64_t base, int64_t exponent) {
  int64_t out = 1;
  while (exponent > 0) {
    if ((exponent & 1) && __builtin_mul_overflow(out, base, &out)) too_large();
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) too_large();
  }
  return out;
}

Value whole_arithmetic(BinaryOp op, int64_t a, int64_t b) {
  int64_t out = 0;
  const bool by_zero =
      b == 0 && (op == BinaryOp::kFloorDiv || op == BinaryOp::kMod || op == BinaryOp::kDiv);
  if (by_zero)
    fail(Code::kInvalidArgument,
         op == BinaryOp::kDiv ? "division by zero" : "integer division or modulo by zero");
  if (b == -1 && (op == BinaryOp::kFloorDiv || op == BinaryOp::kMod)) {
    if (op == BinaryOp::kMod) return 0;
    if (__builtin_sub_overflow(int64_t{0}, a, &out)) too_large();
    return out;
  }
  switch (op) {
    case BinaryOp::kAdd:
      if (__builtin_add_overflow(a, b, &out)) too_large();
      return out;
    case BinaryOp::kSub:
      if (__builtin_sub_overflow(a, b, &out)) too_large();
      return out;
    case BinaryOp::kMul:
      if (__builtin_mul_overflow(a, b, &out)) too_large();
      return out;
    case BinaryOp::kDiv:
      return static_cast<double>(a) / static_cast<double>(b);
    case BinaryOp::kFloorDiv:
      return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0);
    case BinaryOp::kMod:
      return a % b + ((a % b != 0 && (a < 0) != (b < 0)) ? b : 0);
    case BinaryOp::kPow:
      if (b < 0) return std::pow(static_cast<double>(a), static_cast<double>(b));
      return power(a, b);
  }
  return {};
}

Value real_arithmetic(BinaryOp op, double a, double b) {
  const bool divides = op == BinaryOp::kDiv || op == BinaryOp::kFloorDiv || op == BinaryOp::kMod;
  if (divides && b == 0) fail(Code::kInvalidArgument, "float division by zero");
  switch (op) {
    case BinaryOp::kAdd:
      return a + b;
    case BinaryOp::kSub:
      return a - b;
    case BinaryOp::kMul:
      return a * b;
    case BinaryOp::kDiv:
      return a / b;
    case BinaryOp::kFloorDiv: {
      const double rest = std::fmod(a, b);
      const double shift = rest != 0 && (rest < 0) != (b < 0) ? 1 : 0;
      return std::round((a - rest) / b) - shift;
    }
    case BinaryOp::kMod: {
      const double rest = std::fmod(a, b);
      if (rest == 0) return std::copysign(0.0, b);
      return (rest < 0) != (b < 0) ? rest + b : rest;
    }
    case BinaryOp::kPow:
      return std::pow(a, b);
  }
  return {};
}

Value join_text(Budget& budget, const Value& a, const Value& b) {
  Builder out(budget);
  const bool safe = a.is_safe() || b.is_safe();
  out += safe && !a.is_safe() ? escape_html(budget, a.text()) : a.text();
  out += safe && !b.is_safe() ? escape_html(budget, b.text()) : b.text();
  return Value(out.take(), safe);
}

bool is_list_or_tuple(const Value& value) {
  const Sequence* s = value.sequence();
  return s && (s->flavor == Flavor::kList || s->flavor == Flavor::kTuple);
}

Value join_sequences(Budget& budget, const Value& a, const Value& b) {
  std::vector<Value> items = elements(budget, a);
  const std::vector<Value> more = elements(budget, b);
  items.insert(items.end(), more.begin(), more.end());
  return make_sequence(budget, std::move(items), a.sequence()->flavor);
}

Value repeated(Budget& budget, const Value& what, int64_t times) {
  if (what.is_string()) {
    Builder out(budget);
    out.repeat(what.text(), times);
    return Value(out.take(), what.is_safe());
  }
  const int64_t count = static_cast<int64_t>(what.sequence()->items.size());
  times = std::clamp<int64_t>(times, 0, 1LL << 32);
  budget.bytes(count * static_cast<int64_t>(sizeof(Value)) * times);
  std::vector<Value> items;
  if (count > 0)
    for (int64_t i = 0; i < times; ++i)
      items.insert(items.end(), what.sequence()->items.begin(), what.sequence()->items.end());
  return make_sequence(budget, std::move(items), what.sequence()->flavor);
}

bool equal_sequences(Budget& budget, const Sequence& a, const Sequence& b) {
  if (&a == &b) return true;
  if (a.flavor != b.flavor || a.is_generator() || a.items.size() != b.items.size()) return false;
  for (size_t i = 0; i < a.items.size(); ++i)
    if (!equal(budget, a.items[i], b.items[i])) return false;
  return true;
}

bool equal_dicts(Budget& budget, const Dict& a, const Dict& b) {
  if (&a == &b) return true;
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    const Value* other = b.find(key);
    if (!other || !equal(budget, value, *other)) return false;
  }
  return true;
}

}  // namespace

Value binary(Budget& budget, BinaryOp op, const Value& a, const Value& b) {
  a.want_defined();
  if (op == BinaryOp::kMod && a.is_string()) return format_percent(budget, a.text(), b);
  b.want_defined();
  if (a.is_whole() && b.is_whole()) return whole_arithmetic(op, a.whole(), b.whole());
  if (a.is_number() && b.is_number()) return real_arithmetic(op, a.real(), b.real());
  if (op == BinaryOp::kAdd) {
    if (a.is_string() && b.is_string()) return join_text(budget, a, b);
    if (is_list_or_tuple(a) && b.sequence() && a.sequence()->flavor == b.sequence()->flavor)
      return join_sequences(budget, a, b);
    if (a.is_string())
      fail(Code::kInvalidArgument, "can only concatenate str (not \"", b.type(), "\") to str");
    if (is_list_or_tuple(a))
      fail(Code::kInvalidArgument, "can only concatenate ", a.type(), " (not \"", b.type(),
           "\") to ", a.type());
  }
  if (op == BinaryOp::kMul) {
    if ((a.is_string() || is_list_or_tuple(a)) && b.is_whole())
      return repeated(budget, a, b.whole());
    if ((b.is_string() || is_list_or_tuple(b)) && a.is_whole())
      return repeated(budget, b, a.whole());
  }
  no_operator(kSigns[static_cast<size_t>(op)], a, b);
}

Value negate(const Value& a) {
  a.want_defined();
  if (a.is_whole()) return whole_arithmetic(BinaryOp::kSub, 0, a.whole());
  if (a.is_float()) return -a.real();
  fail(Code::kInvalidArgument, "bad operand type for unary -: '", a.type(), "'");
}

bool equal(Budget& budget, const Value& a, const Value& b) {
  budget.step();
  if (a.is_number() && b.is_number())
    return a.is_whole() && b.is_whole() ? a.whole() == b.whole() : a.real() == b.real();
  if (a.is_string() && b.is_string()) return a.text() == b.text();
  if (a.is_undefined() && b.is_undefined()) return true;
  if (a.sequence() && b.sequence()) return equal_sequences(budget, *a.sequence(), *b.sequence());
  if (a.dict() && b.dict()) return equal_dicts(budget, *a.dict(), *b.dict());
  return a.same_as(b);
}

bool less(Budget& budget, const Value& a, const Value& b) {
  budget.step();
  a.want_defined();
  b.want_defined();
  if (a.is_number() && b.is_number())
    return a.is_whole() && b.is_whole() ? a.whole() < b.whole() : a.real() < b.real();
  if (a.is_string() && b.is_string()) return a.text() < b.text();  // UTF-8 sorts as code points
  if (is_list_or_tuple(a) && b.sequence() && a.sequence()->flavor == b.sequence()->flavor) {
    const auto& x = a.sequence()->items;
    const auto& y = b.sequence()->items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
      if (!equal(budget, x[i], y[i])) return less(budget, x[i], y[i]);
    return x.size() < y.size();
  }
  fail(Code::kInvalidArgument, "'<' not supported between instances of '", a.type(), "' and '",
       b.type(), "'");
}

bool contains(Budget& budget, const Value& container, const Value& item) {
  if (container.is_undefined()) return false;
  if (container.is_string()) {
    item.want_defined();
    if (!item.is_string())
      fail(Code::kInvalidArgument, "'in <string>' requires string as left operand, not ",
           item.type());
    budget.step(static_cast<int64_t>(container.text().size()) / 64);
    return container.text().find(item.text()) != std::string::npos;
  }
  if (const Dict* d = container.dict()) {
    budget.step(item.is_string() ? 1 : static_cast<int64_t>(d->items.size()));
    return d->find(item) != nullptr;
  }
  if (Sequence* s = container.sequence()) {
    for (size_t i = s->is_generator() ? s->next : 0; i < s->items.size(); ++i) {
      if (s->is_generator()) s->next = i + 1;
      if (equal(budget, s->items[i], item)) return true;
    }
    return false;
  }
  fail(Code::kInvalidArgument, "argument of type '", container.type(), "' is not iterable");
}

bool compare(Budget& budget, CompareOp op, const Value& a, const Value& b) {
  switch (op) {
    case CompareOp::kEq:
      return equal(budget, a, b);
    case CompareOp::kNe:
      return !equal(budget, a, b);
    case CompareOp::kLt:
      return less(budget, a, b);
    case CompareOp::kGt:
      return less(budget, b, a);
    case CompareOp::kLe:
      return less(budget, a, b) || equal(budget, a, b);
    case CompareOp::kGe:
      return less(budget, b, a) || equal(budget, a, b);
    case CompareOp::kIn:
      return contains(budget, b, a);
    case CompareOp::kNotIn:
      return !contains(budget, b, a);
  }
  return false;
}

int64_t length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) return code_points(value.text());
  if (const Dict* d = value.dict()) return static_cast<int64_t>(d->items.size());
  const Sequence* s = value.sequence();
  if (s && !s->is_generator()) return static_cast<int64_t>(s->items.size());
  if (const Loop* l = value.loop()) return static_cast<int64_t>(l->items.size());
  fail(Code::kInvalidArgument, "object of type '", value.type(), "' has no len()");
}

}  // namespace winnow::jinja
