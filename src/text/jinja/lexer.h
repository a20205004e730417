// Template text to tokens, with white space handled as jinja2 does under trim_blocks and
// lstrip_blocks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace winnow::jinja {

struct Token {
  enum class Kind : uint8_t {
    kText,        // template text between tags, already trimmed
    kPrintBegin,  // {{
    kPrintEnd,
    kTagBegin,  // {%
    kTagEnd,
    kName,
    kString,  // unescaped
    kInteger,
    kFloat,
    kSign,  // an operator or bracket
    kEnd,
  };
  Kind kind = Kind::kEnd;
  size_t at = 0;  // byte in the source
  std::string text;
};

// The source with \r\n and \r as \n and without one newline at its end: what offsets count in.
std::string normalize_source(std::string_view source);

// "line L, column C" of a byte of the source, both from 1, the column in code points.
std::string place_of(std::string_view source, size_t at);

// Wants normalized UTF-8. Throws kCorrupt naming the place.
std::vector<Token> tokenize(std::string_view source);

}  // namespace winnow::jinja
