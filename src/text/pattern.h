// What the Replace components look for. Immutable and thread-safe. Source: the `tokenizers`
// library, tokenizer/pattern.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/regex.h"

namespace winnow {

class Pattern {
 public:
  // From the "pattern" member: {"String": text} or {"Regex": expression}; of either, an empty one
  // matches between all code points. Throws kCorrupt naming the key for an expression that is none.
  static Pattern from_json(const Json& json);
  // At least this many of one code point.
  static Pattern repeated(char32_t c, size_t least);

  // Whether both look for the same run of one code point, or the same text.
  bool same(const Pattern& other) const;

  // A match: code points [begin, end) of the text.
  struct Match {
    size_t begin, end;
  };
  // Replaces matches by those in a text, left to right; as Regex::find_all has them, none in an
  // empty text. Throws kTokenizer when the engine gives up on a text.
  void find_all(std::u32string_view text, std::vector<Match>& matches) const;

 private:
  void find_regex(std::u32string_view text, std::vector<Match>& matches) const;

  std::u32string text_;    // a string
  char32_t repeated_ = 0;  // or at least `least_` of one code point
  size_t least_ = 0;
  std::optional<Regex> regex_;  // or what the others are not
};

}  // namespace winnow
