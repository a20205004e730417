// The expressions of a template, by recursive descent; parser.cpp has the statements.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/lexer.h"
#include "text/jinja/syntax.h"

namespace winnow::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view source) : source_(source), tokens_(tokenize(source)) {}

 protected:
  using Kind = Expression::Kind;

  // Names that end an expression list, as `in` does in `for a, b in c`.
  ExpressionPtr tuple(bool with_condition, bool parenthesized = false);
  ExpressionPtr expression(bool with_condition = true);
  ExpressionPtr primary();
  // Through `| filter | filter ...`; `first` takes a filter's name without its bar.
  ExpressionPtr filters(ExpressionPtr value, bool first);

  const Token& now() const { return tokens_[next_]; }
  const Token& ahead(size_t by = 1) const {
    return tokens_[std::min(next_ + by, tokens_.size() - 1)];
  }
  void advance() {
    if (next_ + 1 < tokens_.size()) ++next_;
  }
  static bool is(const Token& t, Token::Kind kind, std::string_view text) {
    return t.kind == kind && t.text == text;
  }
  bool is_sign(std::string_view sign) const { return is(now(), Token::Kind::kSign, sign); }
  bool is_name(std::string_view name) const { return is(now(), Token::Kind::kName, name); }
  bool take_sign(std::string_view sign);
  bool take_name(std::string_view name);
  void want_sign(std::string_view sign);
  std::string want_any_name();
  [[noreturn]] void refuse(size_t at, std::string_view message, Code code = Code::kCorrupt) const;
  [[noreturn]] void unexpected(std::string_view want) const;

  ExpressionPtr make(Kind kind, size_t at, std::vector<ExpressionPtr> children = {});
  // Counts levels of nesting: a parser that recurses must not be led past its stack.
  class Nesting {
   public:
    explicit Nesting(ExpressionParser& parser);
    ~Nesting() { --parser_.nesting_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;

   private:
    ExpressionParser& parser_;
  };

  // Tags of `if` around. Inside them a filter or test that winnow lacks fails when it is reached:
  // templates may ask for what only some engines have.
  int conditions_ = 0;
  std::vector<std::string> names_used_;  // of the macro being parsed; see Parser::macro

 private:
  ExpressionPtr condition();
  ExpressionPtr either();
  ExpressionPtr both();
  ExpressionPtr negated();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concatenation();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters = true);
  ExpressionPtr postfix(ExpressionPtr value);
  ExpressionPtr subscript(ExpressionPtr value);
  ExpressionPtr filters_and_tests(ExpressionPtr value);
  ExpressionPtr test(ExpressionPtr value);
  ExpressionPtr number();
  ExpressionPtr list();
  ExpressionPtr dict();
  void arguments(Expression& call);
  bool ends_tuple(bool parenthesized) const;
  std::string dotted_name();

  std::string_view source_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  int nesting_ = 0;
};

}  // namespace winnow::jinja
