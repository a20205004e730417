#include "text/jinja/parser.h"

#include <algorithm>

#include "text/jinja/expression_parser.h"

namespace winnow::jinja {
namespace {

using StatementPtr = std::unique_ptr<Statement>;

class Parser : ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Body run() {
    Body out = body({});
    if (now().kind != Token::Kind::kEnd) unexpected("a tag that begins");
    return out;
  }

 private:
  using SKind = Statement::Kind;
  using Names = std::vector<std::string_view>;

  static StatementPtr statement(SKind kind, size_t at) {
    auto out = std::make_unique<Statement>();
    out->kind = kind;
    out->at = at;
    return out;
  }

  // Statements up to a tag of one of these names, whose name is then next; or up to the end.
  Body body(const Names& ends) {
    const Nesting nesting(*this);
    Body out;
    while (now().kind != Token::Kind::kEnd) {
      const size_t at = now().at;
      if (now().kind == Token::Kind::kText) {
        StatementPtr s = statement(SKind::kText, at);
        s->text = now().text;
        advance();
        out.push_back(std::move(s));
      } else if (now().kind == Token::Kind::kPrintBegin) {
        advance();
        StatementPtr s = statement(SKind::kPrint, at);
        s->value = tuple(true);
        if (now().kind != Token::Kind::kPrintEnd) unexpected("'}}'");
        advance();
        out.push_back(std::move(s));
      } else {
        if (ahead().kind == Token::Kind::kName &&
            std::find(ends.begin(), ends.end(), ahead().text) != ends.end()) {
          advance();
          return out;
        }
        advance();
        out.push_back(tag(at));
      }
    }
    if (!ends.empty()) unexpected(cat("the tag '", ends.back(), "'"));
    return out;
  }

  void tag_end() {
    if (now().kind != Token::Kind::kTagEnd) unexpected("'%}'");
    advance();
  }

  // The body up to {% end %}, which is dropped.
  Body closed_body(std::string_view end) {
    tag_end();
    Body out = body({end});
    advance();
    tag_end();
    return out;
  }

  StatementPtr tag(size_t at) {
    const std::string name = want_any_name();
    if (name == "if") return branches(at);
    if (name == "for") return loop(at);
    if (name == "set") return assignment(at);
    if (name == "macro") return macro(at);
    if (name == "call") return call(at);
    if (name == "with") return with(at);
    if (name == "filter") {
      StatementPtr s = statement(SKind::kFilter, at);
      s->value = filters(make(Expression::Kind::kCaptured, at), true);
      s->body = closed_body("endfilter");
      return s;
    }
    if (name == "generation") {
      StatementPtr s = statement(SKind::kScope, at);
      const int loops = std::exchange(loops_, 0);
      s->body = closed_body("endgeneration");
      loops_ = loops;
      return s;
    }
    if (name == "break" || name == "continue") {
      if (loops_ == 0) refuse(at, cat('\'', name, "' outside a loop"));
      StatementPtr s = statement(name == "break" ? SKind::kBreak : SKind::kContinue, at);
      tag_end();
      return s;
    }
    if (name.starts_with("end") || name == "else" || name == "elif")
      refuse(at, cat("a tag '", name, "' that ends nothing"));
    refuse(at, cat("winnow has no tag '", name, "'"), Code::kUnsupported);
  }

  StatementPtr branches(size_t at) {
    StatementPtr s = statement(SKind::kIf, at);
    ++conditions_;
    ExpressionPtr condition = tuple(false);
    while (true) {
      tag_end();
      Body then = body({"elif", "else", "endif"});
      s->branches.emplace_back(std::move(condition), std::move(then));
      const std::string name = want_any_name();
      if (name == "elif") {
        condition = tuple(false);
        continue;
      }
      if (name == "else")
        s->branches.emplace_back(nullptr, closed_body("endif"));
      else
        tag_end();
      --conditions_;
      return s;
    }
  }

  // A name, names with commas (also in brackets), or name.attribute.
  ExpressionPtr target(bool may_be_attribute) {
    const Nesting nesting(*this);
    const size_t at = now().at;
    std::vector<ExpressionPtr> items;
    bool comma = false;
    do {
      if (is_name("in") || is_sign("=") || is_sign(")")) break;
      if (take_sign("(")) {
        items.push_back(target(false));
        want_sign(")");
      } else {
        items.push_back(target_name(may_be_attribute));
      }
      comma |= is_sign(",");
    } while (take_sign(","));
    if (items.empty()) unexpected("a name");
    if (!comma) return std::move(items[0]);
    return make(Expression::Kind::kTuple, at, std::move(items));
  }

  ExpressionPtr target_name(bool may_be_attribute) {
    const size_t at = now().at;
    ExpressionPtr out = make(Expression::Kind::kName, at);
    out->name = want_any_name();
    for (const std::string_view constant : {"true", "false", "none", "True", "False", "None"})
      if (out->name == constant) refuse(at, cat("can't assign to '", out->name, '\''));
    if (!may_be_attribute || !take_sign(".")) return out;
    std::vector<ExpressionPtr> object;
    object.push_back(std::move(out));
    out = make(Expression::Kind::kAttribute, at, std::move(object));
    out->name = want_any_name();
    return out;
  }

  StatementPtr loop(size_t at) {
    StatementPtr s = statement(SKind::kFor, at);
    s->target = target(false);
    if (!take_name("in")) unexpected("'in'");
    s->value = tuple(false);
    if (take_name("if")) s->condition = expression();
    if (is_name("recursive")) refuse(now().at, "a recursive loop", Code::kUnsupported);
    tag_end();
    ++loops_;
    s->body = body({"else", "endfor"});
    --loops_;
    if (take_name("else")) {
      s->otherwise = closed_body("endfor");
    } else {
      advance();
      tag_end();
    }
    return s;
  }

  StatementPtr assignment(size_t at) {
    StatementPtr s = statement(SKind::kSet, at);
    s->target = target(true);
    if (take_sign("=")) {
      s->value = tuple(true);
      tag_end();
      return s;
    }
    s->kind = SKind::kSetBlock;
    if (is_sign("|")) s->value = filters(make(Expression::Kind::kCaptured, at), false);
    s->body = closed_body("endset");
    return s;
  }

  void signature(Statement& s) {
    want_sign("(");
    while (!is_sign(")")) {
      std::string name = want_any_name();
      ExpressionPtr absent;
      if (take_sign("="))
        absent = expression();
      else if (!s.parameters.empty() && s.parameters.back().second)
        refuse(now().at, "non-default argument follows default argument");
      s.parameters.emplace_back(std::move(name), std::move(absent));
      if (!take_sign(",")) break;
    }
    want_sign(")");
  }

  // The body of a macro or call, noting which of its special names it reads.
  void macro_body(Statement& s, std::string_view end) {
    const std::vector<std::string> outer = std::exchange(names_used_, {});
    const int loops = std::exchange(loops_, 0);
    s.body = closed_body(end);
    loops_ = loops;
    const auto reads = [&](std::string_view name) {
      return std::find(names_used_.begin(), names_used_.end(), name) != names_used_.end();
    };
    s.takes_varargs = reads("varargs");
    s.takes_kwargs = reads("kwargs");
    s.takes_caller = reads("caller");
    names_used_.insert(names_used_.end(), outer.begin(), outer.end());
  }

  StatementPtr macro(size_t at) {
    StatementPtr s = statement(SKind::kMacro, at);
    s->name = want_any_name();
    signature(*s);
    macro_body(*s, "endmacro");
    return s;
  }

  StatementPtr call(size_t at) {
    StatementPtr s = statement(SKind::kCall, at);
    s->name = "caller";
    if (is_sign("(")) signature(*s);
    s->value = expression();
    if (s->value->kind != Expression::Kind::kCall) refuse(at, "expected call");
    macro_body(*s, "endcall");
    return s;
  }

  StatementPtr with(size_t at) {
    StatementPtr s = statement(SKind::kWith, at);
    while (now().kind != Token::Kind::kTagEnd) {
      std::string name = want_any_name();
      want_sign("=");
      s->parameters.emplace_back(std::move(name), expression());
      if (!take_sign(",")) break;
    }
    s->body = closed_body("endwith");
    return s;
  }

  int loops_ = 0;
};

}  // namespace

Body parse_template(std::string_view source) { return Parser(source).run(); }

}  // namespace winnow::jinja
