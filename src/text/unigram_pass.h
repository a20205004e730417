// XLM-R's normalizer, pre-tokenizer and Unigram in one pass over the text, for ids without offsets:
// words are looked up as they lie in the text where the character map keeps them, and copied only
// where it does not. Says no to the few texts that hold a white space which the map keeps.
// Immutable but for its word cache; thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/char_map.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/unigram.h"
#include "text/word_cache.h"

namespace winnow {

class UnigramPass {
 public:
  // Null when the components are not of the kind that the pass does the work of: a character map
  // then perhaps white space taken off the end, runs of spaces made one; spaces
  // as marks, one before every word.
  static std::unique_ptr<const UnigramPass> make(const Normalizer* normalizer,
                                                 const PreTokenizer* pre_tokenizer,
                                                 std::shared_ptr<const Unigram> model);

  // Appends the ids of a text (well-formed UTF-8). Returns false, with ids as it was, when the text
  // needs the general way.
  bool tokenize(std::string_view text, std::vector<int32_t>& ids) const;

 private:
  class Run;

  UnigramPass(SpacedMap normalizer, const MarkedWords& words, std::shared_ptr<const Unigram> model);

  SpacedMap normalizer_;
  MarkedWords words_;
  std::shared_ptr<const Unigram> model_;
  std::string mark_;                // in UTF-8
  std::array<bool, 256> pauses_{};  // bytes that may begin a space or a mark
  mutable WordCache cache_;
};

}  // namespace winnow
