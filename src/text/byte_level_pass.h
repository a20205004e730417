// Word splitting by hand and byte-level BPE in one pass over a text's own bytes, the byte alphabet
// never written out: what nearly all text takes. Immutable but for its word cache; thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "text/bpe.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/word_cache.h"
#include "text/word_cuts.h"

namespace winnow {

class ByteLevelPass {
 public:
  // Null when the model marks characters at a word's ends.
  static std::unique_ptr<const ByteLevelPass> make(const ByteLevelPlan& plan,
                                                   std::shared_ptr<const Bpe> model);

  // Appends the tokens of a text (well-formed UTF-8, normalized). Offsets, when asked for: its code
  // point i stands for origin[i], or, without an origin, for code point first + i. Returns false,
  // with out as it was, for a text with a byte that is no token.
  bool tokenize(std::string_view text, int32_t first, const std::vector<Offset>* origin,
                bool with_offsets, TokenSpan& out) const;

 private:
  class Batch;

  ByteLevelPass(const ByteLevelPlan& plan, std::shared_ptr<const Bpe> model);

  template <WordPattern kPattern>
  void words(std::string_view text, std::vector<int32_t>& ids) const;
  void remembered(std::string_view word, const WordKey& key, bool whole,
                  std::vector<int32_t>& ids) const;
  bool whole_token(std::string_view word, std::vector<int32_t>& ids) const;
  void merged(std::string_view word, std::vector<int32_t>& ids) const;
  void offsets(std::string_view text, int32_t first, const std::vector<Offset>* origin,
               size_t first_token, TokenSpan& out) const;

  ByteLevelPlan plan_;
  std::shared_ptr<const Bpe> model_;
  bool has_byte_tokens(std::string_view text) const;

  std::array<int32_t, 256> byte_ids_;          // -1: no token
  std::vector<MergeTable::Merge> byte_pairs_;  // [first byte][second]
  std::vector<int32_t> bytes_;                 // of each token, by id
  size_t longest_token_;                       // bytes
  WordCuts cuts_;
  bool some_missing_;  // of the bytes that UTF-8 has
  mutable WordCache cache_;
};

}  // namespace winnow
