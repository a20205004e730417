#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/utf8.h"
#include "text/jinja/python_text.h"
#include "text/unicode.h"

namespace winnow::jinja {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) text();
    add(Token::Kind::kEnd, at_, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void refuse(size_t at, std::string_view message) const {
    fail(Code::kCorrupt, place_of(source_, at), ": ", message);
  }
  void add(Token::Kind kind, size_t at, std::string text) {
    tokens_.push_back({kind, at, std::move(text)});
  }
  bool sees(std::string_view s) const { return source_.substr(at_).starts_with(s); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  void skip_space() {
    const std::string_view rest = source_.substr(at_);
    at_ += rest.size() - strip(rest, std::nullopt, true, false).size();
  }

  // Text up to the next tag, then that tag.
  void text() {
    const size_t start = at_;
    size_t open = start;
    for (;; ++open) {
      open = source_.find('{', open);
      if (open == std::string_view::npos || open + 1 >= source_.size()) {
        add(Token::Kind::kText, start, std::string(source_.substr(start)));
        at_ = source_.size();
        return;
      }
      const char next = source_[open + 1];
      if (next == '{' || next == '%' || next == '#') break;
    }
    const char kind = source_[open + 1];
    std::string_view before = source_.substr(start, open - start);
    const char sign = open + 2 < source_.size() ? source_[open + 2] : '\0';
    if (sign == '-') {
      before = strip(before, std::nullopt, false, true);
    } else if (sign != '+' && kind != '{') {
      const size_t line = before.rfind('\n') + 1;  // 0 when there is none
      if ((line > 0 || line_starting_) &&
          strip(before.substr(line), std::nullopt, true, false).empty())
        before = before.substr(0, line);
    }
    if (!before.empty()) add(Token::Kind::kText, start, std::string(before));
    at_ = open + 2 + (sign == '-' || sign == '+' ? 1 : 0);
    if (kind == '#') {
      comment(open);
    } else if (kind == '%' && is_raw()) {
      raw(open);
    } else {
      const bool print = kind == '{';
      add(print ? Token::Kind::kPrintBegin : Token::Kind::kTagBegin, open, "");
      expression(open, print ? '}' : '%');
    }
    line_starting_ = at_ > 0 && source_[at_ - 1] == '\n';
  }

  // The end of a tag or comment was read: -, + or nothing before it. Blocks drop one newline.
  void trim_after(char sign, bool block) {
    if (sign == '-')
      skip_space();
    else if (sign != '+' && block && peek() == '\n')
      ++at_;
  }

  void comment(size_t open) {
    const size_t end = source_.find("#}", at_);
    if (end == std::string_view::npos) refuse(open, "Missing end of comment tag");
    const char sign = end > at_ ? source_[end - 1] : '\0';
    at_ = end + 2;
    trim_after(sign, true);
  }

  bool is_raw() {
    const size_t start = at_;
    skip_space();
    if (sees("raw")) {
      at_ += 3;
      skip_space();
      if (sees("%}") || sees("-%}")) return true;
    }
    at_ = start;
    return false;
  }

  void raw(size_t open) {
    const bool strips = peek() == '-';
    at_ += strips ? 3 : 2;
    if (strips) skip_space();
    const size_t start = at_;
    for (size_t end = at_;; ++end) {
      end = source_.find("{%", end);
      if (end == std::string_view::npos) refuse(open, "Missing end of raw directive");
      at_ = end + 2;
      const char sign = peek();
      if (sign == '-' || sign == '+') ++at_;
      skip_space();
      if (!sees("endraw")) continue;
      at_ += 6;
      skip_space();
      const char end_sign = peek();
      if (end_sign == '-' || end_sign == '+') ++at_;
      if (!sees("%}")) continue;
      at_ += 2;
      std::string_view body = source_.substr(start, end - start);
      if (sign == '-') body = strip(body, std::nullopt, false, true);
      if (sign != '-' && sign != '+') {
        const size_t line = body.rfind('\n') + 1;
        if (line > 0 && strip(body.substr(line), std::nullopt, true, false).empty())
          body = body.substr(0, line);
      }
      if (!body.empty()) add(Token::Kind::kText, start, std::string(body));
      trim_after(end_sign, true);
      return;
    }
  }

  // Tokens up to `close` and }, brackets balanced.
  void expression(size_t open, char close) {
    brackets_.clear();
    for (;;) {
      skip_space();
      if (at_ >= source_.size())
        refuse(open, close == '}' ? "unexpected end of template, expected end of print statement"
                                  : "unexpected end of template, expected end of statement block");
      const char sign = peek();
      const size_t ahead = sign == '-' || (sign == '+' && close == '%') ? 1 : 0;
      if (brackets_.empty() && peek(ahead) == close && peek(ahead + 1) == '}') {
        add(close == '}' ? Token::Kind::kPrintEnd : Token::Kind::kTagEnd, at_, "");
        at_ += ahead + 2;
        trim_after(ahead ? sign : '\0', close == '%');
        return;
      }
      token();
    }
  }

  void token() {
    const char c = peek();
    if (is_digit(c)) return number();
    if (c == '"' || c == '\'') return string(c);
    if (c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z') || static_cast<unsigned char>(c) >= 0x80)
      return word();
    constexpr std::array<std::string_view, 28> kSigns = {
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]",
        "(",  ")",  "{",  "}",  ">",  "<",  "=", ".", ":", "|", ",", ";", "",  ""};
    for (const std::string_view sign : kSigns) {
      if (sign.empty() || !sees(sign)) continue;
      if (sign == "(" || sign == "[" || sign == "{") brackets_ += sign[0];
      if (sign == ")" || sign == "]" || sign == "}") {
        const char partner = sign == ")" ? '(' : sign == "]" ? '[' : '{';
        if (brackets_.empty() || brackets_.back() != partner)
          refuse(at_, cat("unexpected '", sign, "'"));
        brackets_.pop_back();
      }
      add(Token::Kind::kSign, at_, std::string(sign));
      at_ += sign.size();
      return;
    }
    refuse(at_, cat("unexpected char '", c, "'"));
  }

  void word() {
    const size_t start = at_;
    while (at_ < source_.size()) {
      const CodePoint p = decode_utf8(source_, at_);
      const bool part = p.value == '_' || is_letter(p.value) ||
                        (p.value < 0x80 ? is_digit(static_cast<char>(p.value))
                                        : (code_point_bits(p.value) & kWordBit) != 0);
      if (!part) break;
      at_ += static_cast<size_t>(p.bytes);
    }
    if (at_ == start) refuse(at_, "unexpected character");
    add(Token::Kind::kName, start, std::string(source_.substr(start, at_ - start)));
  }

  // Digits with single underscores between them, appended to `out` without those.
  template <typename IsDigit>
  void digits(std::string& out, IsDigit is_one) {
    while (is_one(peek()) || (peek() == '_' && is_one(peek(1)))) {
      if (peek() != '_') out += peek();
      ++at_;
    }
  }

  void number() {
    const size_t start = at_;
    std::string out;
    if (peek() == '0' &&
        ((peek(1) | 32) == 'x' || (peek(1) | 32) == 'o' || (peek(1) | 32) == 'b')) {
      const char letter = static_cast<char>(peek(1) | 32);
      out = {'0', letter};
      at_ += 2;
      digits(out, [&](char c) {
        if (letter == 'x') return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'f');
        return c >= '0' && c <= (letter == 'o' ? '7' : '1');
      });
      add(Token::Kind::kInteger, start, out);
      return;
    }
    digits(out, is_digit);
    bool real = false;
    const bool after_dot = start > 0 && source_[start - 1] == '.';
    if (!after_dot && peek() == '.' && is_digit(peek(1))) {
      real = true;
      out += '.';
      ++at_;
      digits(out, is_digit);
    }
    const bool signed_exponent = peek(1) == '+' || peek(1) == '-';
    if (!after_dot && (peek() | 32) == 'e' && is_digit(peek(signed_exponent ? 2 : 1))) {
      real = true;
      out += 'e';
      if (signed_exponent) out += peek(1);
      at_ += signed_exponent ? 2 : 1;
      digits(out, is_digit);
    }
    if (!real && out.size() > 1 && out[0] == '0' && out.find_first_not_of('0') != out.npos)
      refuse(start, "want an integer without a leading zero");
    add(real ? Token::Kind::kFloat : Token::Kind::kInteger, start, out);
  }

  void string(char quote) {
    const size_t start = at_++;
    std::string out;
    while (true) {
      if (at_ >= source_.size()) refuse(start, "string without an end");
      const char c = source_[at_++];
      if (c == quote) break;
      if (c != '\\')
        out += c;
      else
        escape(out);
    }
    add(Token::Kind::kString, start, std::move(out));
  }

  // What follows a backslash, as Python's unicode_escape reads it.
  void escape(std::string& out) {
    const size_t start = at_ - 1;
    if (at_ >= source_.size()) refuse(start, "string without an end");
    const char c = source_[at_++];
    constexpr std::string_view kPlain = "n\nt\tr\rb\bf\fv\va\a\\\\''\"\"";
    for (size_t i = 0; i < kPlain.size(); i += 2)
      if (c == kPlain[i]) {
        out += kPlain[i + 1];
        return;
      }
    if (c == '\n') return;
    uint32_t value = 0;
    if (c >= '0' && c <= '7') {
      --at_;
      for (int i = 0; i < 3 && peek() >= '0' && peek() <= '7'; ++i)
        value = value * 8 + static_cast<uint32_t>(source_[at_++] - '0');
    } else if (c == 'x' || c == 'u' || c == 'U') {
      for (int i = 0; i < (c == 'x' ? 2 : c == 'u' ? 4 : 8); ++i) {
        const char h = static_cast<char>(peek() | 32);
        if (!is_digit(peek()) && (h < 'a' || h > 'f')) refuse(start, "truncated \\xXX escape");
        value = value * 16 + static_cast<uint32_t>(is_digit(peek()) ? peek() - '0' : h - 'a' + 10);
        ++at_;
      }
    } else {
      if (c == 'N') fail(Code::kUnsupported, place_of(source_, start), ": \\N escape");
      out += '\\';
      out += c;
      return;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000))
      fail(Code::kUnsupported, place_of(source_, start), ": want a code point, got a surrogate");
    append_utf8(out, value);
  }

  std::string_view source_;
  size_t at_ = 0;
  bool line_starting_ = true;
  std::string brackets_;
  std::vector<Token> tokens_;
};

}  // namespace

std::string normalize_source(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r')
      out += source[i];
    else if (i + 1 == source.size() || source[i + 1] != '\n')
      out += '\n';
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::string place_of(std::string_view source, size_t at) {
  const std::string_view before = source.substr(0, at);
  const size_t line = static_cast<size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  const size_t begin = before.rfind('\n') + 1;
  return cat("line ", line, ", column ", code_points(before.substr(begin)) + 1);
}

std::vector<Token> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace winnow::jinja
