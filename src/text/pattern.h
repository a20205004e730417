// What the Replace components look for. Immutable and thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace winnow {

class Pattern {
 public:
  // From the "pattern" member: {"String": text} or {"Regex": expression}. Throws kCorrupt for an
  // empty one, and kUnsupported naming an expression that is not "C{n,}" or "C+" of a plain
  // character C.
  static Pattern from_json(const Json& json);
  // At least this many of one code point.
  static Pattern repeated(char32_t c, size_t least);

  bool operator==(const Pattern&) const = default;

  // The first match from code point `from` on, leftmost and as long as it gets: [first, second).
  std::optional<std::pair<size_t, size_t>> find(std::u32string_view text, size_t from) const;

 private:
  std::u32string text_;    // a string
  char32_t repeated_ = 0;  // or at least `least_` of one code point
  size_t least_ = 0;
};

}  // namespace winnow
