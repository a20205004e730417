// What a Split component looks for, and how it cuts there. Immutable and thread-safe. Source: the
// `tokenizers` library, pre_tokenizers/split and NormalizedString::split.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/regex.h"
#include "text/word_matcher.h"

namespace winnow {

// A stretch of a text, bytes [begin, end), and whether the pattern matched it.
struct Stretch {
  size_t begin, end;
  bool match;
};

// {"String": text} or {"Regex": expression}; a regular expression that is a known word pattern is
// matched by hand.
class SplitPattern {
 public:
  // From the "pattern" member. Throws kCorrupt naming the key.
  explicit SplitPattern(const Json& json);
  explicit SplitPattern(WordPattern words) : words_(words) {}

  // Replaces stretches by those that make up a text (well-formed UTF-8), matches and what lies
  // between them, in order. A match may be empty.
  void stretches(std::string_view text, std::vector<Stretch>& stretches) const;

  std::optional<WordPattern> words() const { return words_; }

 private:
  std::string literal_;
  std::optional<WordPattern> words_;
  std::optional<Regex> regex_;
};

// What becomes of the matches.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// From "behavior"; throws kUnsupported naming the key for another.
SplitBehavior split_behavior(const Json& json);

// Applies it: the parts that are left, none of them empty.
std::vector<Stretch> cut(const std::vector<Stretch>& stretches, SplitBehavior behavior);

}  // namespace winnow
