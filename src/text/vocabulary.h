// A model's tokens by id and ids by token. Immutable and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/trie.h"

namespace winnow {

class Vocabulary {
 public:
  // No vocabulary is larger: an id above it comes from a broken file, and would cost memory.
  static constexpr int64_t kMaxIds = 1 << 22;

  // `where` ("tokenizer.json: model.vocab") opens the message of kCorrupt: an id out of [0,
  // kMaxIds), a second token of one id, no token at all.
  Vocabulary(std::vector<std::pair<std::string, int64_t>> tokens, std::string_view where);

  const Trie& trie() const { return trie_; }
  int32_t size() const { return static_cast<int32_t>(tokens_.size()); }
  std::optional<int32_t> id(std::string_view token) const;
  std::optional<std::string_view> token(int32_t id) const;

 private:
  std::vector<std::optional<std::string>> tokens_;  // by id
  Trie trie_;
};

}  // namespace winnow
