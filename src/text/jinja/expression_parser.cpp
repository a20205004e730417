#include "text/jinja/expression_parser.h"

#include <charconv>
#include <cstdlib>
#include <optional>

namespace winnow::jinja {
namespace {

constexpr int kMaxNesting = 100;  // brackets and blocks inside one another, as parsed
constexpr int kMaxDepth = 300;    // operators in a chain, as evaluated

std::optional<CompareOp> compare_op(std::string_view sign) {
  if (sign == "==") return CompareOp::kEq;
  if (sign == "!=") return CompareOp::kNe;
  if (sign == "<") return CompareOp::kLt;
  if (sign == "<=") return CompareOp::kLe;
  if (sign == ">") return CompareOp::kGt;
  if (sign == ">=") return CompareOp::kGe;
  return std::nullopt;
}

std::vector<ExpressionPtr> two(ExpressionPtr a, ExpressionPtr b) {
  std::vector<ExpressionPtr> out;
  out.push_back(std::move(a));
  out.push_back(std::move(b));
  return out;
}

std::vector<ExpressionPtr> one(ExpressionPtr a) {
  std::vector<ExpressionPtr> out;
  out.push_back(std::move(a));
  return out;
}

}  // namespace

ExpressionParser::Nesting::Nesting(ExpressionParser& parser) : parser_(parser) {
  if (++parser.nesting_ > kMaxNesting) {
    --parser.nesting_;
    parser.refuse(parser.now().at, "nested too deeply", Code::kUnsupported);
  }
}

void ExpressionParser::refuse(size_t at, std::string_view message, Code code) const {
  fail(code, place_of(source_, at), ": ", message);
}

void ExpressionParser::unexpected(std::string_view want) const {
  const Token& t = now();
  std::string got = t.text;
  if (t.kind == Token::Kind::kPrintEnd) got = "}}";
  if (t.kind == Token::Kind::kTagEnd) got = "%}";
  if (t.kind == Token::Kind::kEnd) got = "the end";
  refuse(t.at, cat("want ", want, ", got ", got.substr(0, 60)));
}

bool ExpressionParser::take_sign(std::string_view sign) {
  if (!is_sign(sign)) return false;
  advance();
  return true;
}

bool ExpressionParser::take_name(std::string_view name) {
  if (!is_name(name)) return false;
  advance();
  return true;
}

void ExpressionParser::want_sign(std::string_view sign) {
  if (!take_sign(sign)) unexpected(cat('\'', sign, '\''));
}

std::string ExpressionParser::want_any_name() {
  if (now().kind != Token::Kind::kName) unexpected("a name");
  std::string name = now().text;
  advance();
  return name;
}

ExpressionPtr ExpressionParser::make(Kind kind, size_t at, std::vector<ExpressionPtr> children) {
  auto out = std::make_unique<Expression>();
  out->kind = kind;
  out->at = at;
  for (const ExpressionPtr& child : children)
    if (child) out->depth = std::max(out->depth, child->depth + 1);
  if (out->depth > kMaxDepth) refuse(at, "an expression too long", Code::kUnsupported);
  out->children = std::move(children);
  return out;
}

bool ExpressionParser::ends_tuple(bool parenthesized) const {
  const Token::Kind kind = now().kind;
  return kind == Token::Kind::kPrintEnd || kind == Token::Kind::kTagEnd ||
         kind == Token::Kind::kEnd || (parenthesized && is_sign(")"));
}

ExpressionPtr ExpressionParser::tuple(bool with_condition, bool parenthesized) {
  const size_t at = now().at;
  std::vector<ExpressionPtr> items;
  bool comma = false;
  while (!ends_tuple(parenthesized)) {
    items.push_back(expression(with_condition));
    if (!is_sign(",")) break;
    comma = true;
    advance();
  }
  if (!comma && !items.empty()) return std::move(items[0]);
  if (items.empty() && !parenthesized) unexpected("an expression");
  return make(Kind::kTuple, at, std::move(items));
}

ExpressionPtr ExpressionParser::expression(bool with_condition) {
  const Nesting nesting(*this);
  return with_condition ? condition() : either();
}

ExpressionPtr ExpressionParser::condition() {
  ExpressionPtr value = either();
  while (is_name("if")) {
    const size_t at = now().at;
    advance();
    ExpressionPtr test = either();
    ExpressionPtr otherwise;
    if (take_name("else")) otherwise = expression();
    std::vector<ExpressionPtr> children = two(std::move(test), std::move(value));
    children.push_back(std::move(otherwise));
    value = make(Kind::kConditional, at, std::move(children));
  }
  return value;
}

ExpressionPtr ExpressionParser::either() {
  ExpressionPtr left = both();
  while (is_name("or")) {
    const size_t at = now().at;
    advance();
    ExpressionPtr right = both();
    left = make(Kind::kOr, at, two(std::move(left), std::move(right)));
  }
  return left;
}

ExpressionPtr ExpressionParser::both() {
  ExpressionPtr left = negated();
  while (is_name("and")) {
    const size_t at = now().at;
    advance();
    ExpressionPtr right = negated();
    left = make(Kind::kAnd, at, two(std::move(left), std::move(right)));
  }
  return left;
}

ExpressionPtr ExpressionParser::negated() {
  if (!is_name("not")) return comparison();
  const Nesting nesting(*this);
  const size_t at = now().at;
  advance();
  return make(Kind::kNot, at, one(negated()));
}

ExpressionPtr ExpressionParser::comparison() {
  const size_t at = now().at;
  std::vector<ExpressionPtr> operands = one(sum());
  std::vector<CompareOp> ops;
  while (true) {
    std::optional<CompareOp> op;
    if (now().kind == Token::Kind::kSign) op = compare_op(now().text);
    if (is_name("in")) op = CompareOp::kIn;
    if (is_name("not") && is(ahead(), Token::Kind::kName, "in")) {
      op = CompareOp::kNotIn;
      advance();
    }
    if (!op) break;
    advance();
    ops.push_back(*op);
    operands.push_back(sum());
  }
  if (ops.empty()) return std::move(operands[0]);
  ExpressionPtr out = make(Kind::kCompare, at, std::move(operands));
  out->compares = std::move(ops);
  return out;
}

ExpressionPtr ExpressionParser::sum() {
  ExpressionPtr left = concatenation();
  while (is_sign("+") || is_sign("-")) {
    const size_t at = now().at;
    const BinaryOp op = is_sign("+") ? BinaryOp::kAdd : BinaryOp::kSub;
    advance();
    ExpressionPtr right = concatenation();
    left = make(Kind::kBinary, at, two(std::move(left), std::move(right)));
    left->binary = op;
  }
  return left;
}

ExpressionPtr ExpressionParser::concatenation() {
  const size_t at = now().at;
  std::vector<ExpressionPtr> parts = one(product());
  while (take_sign("~")) parts.push_back(product());
  if (parts.size() == 1) return std::move(parts[0]);
  return make(Kind::kConcat, at, std::move(parts));
}

ExpressionPtr ExpressionParser::product() {
  ExpressionPtr left = power();
  while (is_sign("*") || is_sign("/") || is_sign("//") || is_sign("%")) {
    const size_t at = now().at;
    const BinaryOp op = is_sign("*")    ? BinaryOp::kMul
                        : is_sign("/")  ? BinaryOp::kDiv
                        : is_sign("//") ? BinaryOp::kFloorDiv
                                        : BinaryOp::kMod;
    advance();
    ExpressionPtr right = power();
    left = make(Kind::kBinary, at, two(std::move(left), std::move(right)));
    left->binary = op;
  }
  return left;
}

ExpressionPtr ExpressionParser::power() {
  ExpressionPtr left = unary();
  while (is_sign("**")) {
    const size_t at = now().at;
    advance();
    ExpressionPtr right = unary();
    left = make(Kind::kBinary, at, two(std::move(left), std::move(right)));
    left->binary = BinaryOp::kPow;
  }
  return left;
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const Nesting nesting(*this);
  const size_t at = now().at;
  ExpressionPtr value;
  if (take_sign("-"))
    value = make(Kind::kNegative, at, one(unary(false)));
  else if (take_sign("+"))
    value = make(Kind::kPositive, at, one(unary(false)));
  else
    value = primary();
  value = postfix(std::move(value));
  return with_filters ? filters_and_tests(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::primary() {
  const Token& t = now();
  const size_t at = t.at;
  if (t.kind == Token::Kind::kName) {
    const std::string name = want_any_name();
    ExpressionPtr out = make(Kind::kConstant, at);
    if (name == "true" || name == "True")
      out->constant = Value(true);
    else if (name == "false" || name == "False")
      out->constant = Value(false);
    else if (name != "none" && name != "None")
      out->kind = Kind::kName;
    if (out->kind == Kind::kName) names_used_.push_back(name);
    out->name = name;
    return out;
  }
  if (t.kind == Token::Kind::kString) {
    std::string text;
    for (; now().kind == Token::Kind::kString; advance()) text += now().text;
    ExpressionPtr out = make(Kind::kConstant, at);
    out->constant = Value(std::move(text));
    return out;
  }
  if (t.kind == Token::Kind::kInteger || t.kind == Token::Kind::kFloat) return number();
  if (take_sign("(")) {
    ExpressionPtr out = tuple(true, true);
    want_sign(")");
    return out;
  }
  if (is_sign("[")) return list();
  if (is_sign("{")) return dict();
  unexpected("an expression");
}

ExpressionPtr ExpressionParser::number() {
  const Token& t = now();
  ExpressionPtr out = make(Kind::kConstant, t.at);
  std::string_view digits = t.text;
  if (t.kind == Token::Kind::kFloat) {
    out->constant = Value(std::strtod(t.text.c_str(), nullptr));
  } else {
    int base = 10;
    if (digits.size() > 1 && (digits[1] == 'x' || digits[1] == 'o' || digits[1] == 'b')) {
      base = digits[1] == 'x' ? 16 : digits[1] == 'o' ? 8 : 2;
      digits.remove_prefix(2);
    }
    int64_t value = 0;
    const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (end.ec == std::errc::result_out_of_range)
      refuse(t.at, "an integer beyond 64 bits", Code::kUnsupported);
    if (end.ec != std::errc()) unexpected("digits");
    out->constant = Value(value);
  }
  advance();
  return out;
}

ExpressionPtr ExpressionParser::list() {
  const size_t at = now().at;
  want_sign("[");
  std::vector<ExpressionPtr> items;
  while (!is_sign("]")) {
    items.push_back(expression());
    if (!take_sign(",")) break;
  }
  want_sign("]");
  return make(Kind::kList, at, std::move(items));
}

ExpressionPtr ExpressionParser::dict() {
  const size_t at = now().at;
  want_sign("{");
  std::vector<ExpressionPtr> items;
  while (!is_sign("}")) {
    items.push_back(expression());
    want_sign(":");
    items.push_back(expression());
    if (!take_sign(",")) break;
  }
  want_sign("}");
  return make(Kind::kDict, at, std::move(items));
}

ExpressionPtr ExpressionParser::postfix(ExpressionPtr value) {
  while (true) {
    const size_t at = now().at;
    if (take_sign(".")) {
      if (now().kind == Token::Kind::kInteger) {
        value = make(Kind::kItem, at, two(std::move(value), number()));
      } else {
        std::string name = want_any_name();
        value = make(Kind::kAttribute, at, one(std::move(value)));
        value->name = std::move(name);
      }
    } else if (is_sign("[")) {
      value = subscript(std::move(value));
    } else if (is_sign("(")) {
      value = make(Kind::kCall, at, one(std::move(value)));
      arguments(*value);
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr value) {
  const size_t at = now().at;
  want_sign("[");
  std::vector<ExpressionPtr> parts = one(std::move(value));
  bool slice = false;
  ExpressionPtr part;
  while (!is_sign("]")) {
    if (is_sign(",")) refuse(at, "a subscript with a comma", Code::kUnsupported);
    if (take_sign(":")) {
      slice = true;
      parts.push_back(std::move(part));
      part = nullptr;
      if (parts.size() > 3) unexpected("']'");
    } else {
      if (part) unexpected("']'");
      part = expression();
    }
  }
  want_sign("]");
  if (!slice && !part) part = make(Kind::kTuple, at);
  parts.push_back(std::move(part));
  if (!slice) return make(Kind::kItem, at, std::move(parts));
  parts.resize(4);
  return make(Kind::kSlice, at, std::move(parts));
}

void ExpressionParser::arguments(Expression& call) {
  want_sign("(");
  while (!is_sign(")")) {
    if (is_sign("*") || is_sign("**"))
      refuse(now().at, "a call with * or ** arguments", Code::kUnsupported);
    ExpressionPtr* place = nullptr;
    if (now().kind == Token::Kind::kName && is(ahead(), Token::Kind::kSign, "=")) {
      call.named.emplace_back(want_any_name(), nullptr);
      advance();
      place = &call.named.back().second;
    } else {
      if (!call.named.empty()) refuse(now().at, "a positional argument after a named one");
      call.children.emplace_back();
      place = &call.children.back();
    }
    ExpressionPtr value = expression();
    call.depth = std::max(call.depth, value->depth + 1);
    if (call.depth > kMaxDepth) refuse(call.at, "an expression too long", Code::kUnsupported);
    *place = std::move(value);
    if (!take_sign(",")) break;
  }
  want_sign(")");
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr value) {
  while (true) {
    if (is_sign("|")) {
      value = filters(std::move(value), false);
    } else if (is_name("is")) {
      value = test(std::move(value));
    } else if (is_sign("(")) {
      value = make(Kind::kCall, now().at, one(std::move(value)));
      arguments(*value);
    } else {
      return value;
    }
  }
}

std::string ExpressionParser::dotted_name() {
  std::string name = want_any_name();
  while (take_sign(".")) name += "." + want_any_name();
  return name;
}

ExpressionPtr ExpressionParser::filters(ExpressionPtr value, bool first) {
  while (first || is_sign("|")) {
    if (!first) advance();
    first = false;
    const size_t at = now().at;
    const std::string name = dotted_name();
    value = make(Kind::kFilter, at, one(std::move(value)));
    value->filter = find_filter(name);
    value->name = name;
    if (!value->filter && conditions_ == 0)
      refuse(at, cat("winnow has no filter '", name, "'"), Code::kUnsupported);
    if (is_sign("(")) arguments(*value);
  }
  return value;
}

ExpressionPtr ExpressionParser::test(ExpressionPtr value) {
  advance();  // is
  const bool negates = take_name("not");
  const size_t at = now().at;
  const std::string name = dotted_name();
  ExpressionPtr out = make(Kind::kTest, at, one(std::move(value)));
  out->check = find_check(name);
  out->name = name;
  if (!out->check && conditions_ == 0)
    refuse(at, cat("winnow has no test '", name, "'"), Code::kUnsupported);
  const Token& t = now();
  const bool starts_value =
      t.kind == Token::Kind::kString || t.kind == Token::Kind::kInteger ||
      t.kind == Token::Kind::kFloat || is_sign("[") || is_sign("{") ||
      (t.kind == Token::Kind::kName && t.text != "else" && t.text != "or" && t.text != "and");
  if (is_sign("(")) {
    arguments(*out);
  } else if (starts_value) {
    if (t.text == "is" && t.kind == Token::Kind::kName)
      refuse(t.at, "You cannot chain multiple tests with is");
    ExpressionPtr argument = postfix(primary());
    out->depth = std::max(out->depth, argument->depth + 1);
    out->children.push_back(std::move(argument));
  }
  return negates ? make(Kind::kNot, at, one(std::move(out))) : std::move(out);
}

}  // namespace winnow::jinja
