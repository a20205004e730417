// Regular expressions of tokenizer files. Wraps Oniguruma, which the `tokenizers` library uses too;
// no other file sees its types. Immutable and thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

class Regex {
 public:
  // A match: bytes [begin, end) of the text.
  struct Match {
    size_t begin, end;
  };

  // `where` (the key in the file) opens the message of kCorrupt for a pattern that is none.
  Regex(const std::string& pattern, std::string_view where);

  // Appends the matches in a text (well-formed UTF-8), left to right; an empty one that follows
  // directly on the last is left out. Throws kTokenizer when the engine gives up on a text.
  void find_all(std::string_view text, std::vector<Match>& matches) const;

 private:
  struct Compiled;
  std::shared_ptr<const Compiled> compiled_;
};

}  // namespace winnow
