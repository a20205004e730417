// Added tokens: strings that are found in a text before anything else and map straight to an id.
// Immutable and thread-safe. Source: the `tokenizers` library, tokenizer/added_vocabulary.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/trie.h"

namespace winnow {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = false;
  bool single_word = false;  // only where no word character touches it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
  bool normalized = false;   // looked for after normalization, and normalized itself
  std::string found =
      {};  // what is looked for, and what its id decodes to: content, or that normalized
};

// A part of a text: bytes [begin, end), and the token that stands there, if one does.
struct Part {
  size_t begin, end;
  std::optional<int32_t> id;
};

// Finds a set of tokens in a text: leftmost, then longest.
class AddedTokenFinder {
 public:
  // The first of tokens that are looked for alike counts.
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }

  // Replaces parts by the parts of a text (well-formed UTF-8), in order; none of them is empty.
  void split(std::string_view text, std::vector<Part>& parts) const;

 private:
  size_t next_start(std::string_view text, size_t from) const;

  std::vector<AddedToken> tokens_;
  Trie trie_;
  std::array<bool, 256> starts_{};
  int only_start_ = -1;  // the one byte that all of them start with, or -1
};

class AddedTokens {
 public:
  // From the "added_tokens" member of a tokenizer.json. Throws kCorrupt, naming the key, for an
  // empty or repeated content or an id that is neither the model's for that content nor the next
  // free one.
  static AddedTokens from_json(const Json* json, const Model& model, const Normalizer* normalizer);

  AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer);

  const std::vector<AddedToken>& tokens() const { return tokens_; }
  const AddedTokenFinder& raw() const { return raw_; }                // of normalized: false
  const AddedTokenFinder& normalized() const { return normalized_; }  // of normalized: true

 private:
  std::vector<AddedToken> tokens_;
  AddedTokenFinder raw_, normalized_;
};

}  // namespace winnow
