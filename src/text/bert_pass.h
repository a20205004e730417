// BERT's normalizer, pre-tokenizer and WordPiece in one pass over the text, with no copy of it:
// what nearly all text takes. Says no to the few texts whose code points a normalizer would
// reorder. Immutable but for its word cache; thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "text/code_point_map.h"
#include "text/normalizer.h"
#include "text/tokenizer.h"
#include "text/word_cache.h"
#include "text/word_piece.h"

namespace winnow {

class BertPass {
 public:
  BertPass(const BertOptions& options, std::shared_ptr<const WordPiece> model);

  // Appends the tokens of a text (well-formed UTF-8), whose first code point is number `first` for
  // offsets. Returns false, with out as it was, when the text needs the general way.
  bool tokenize(std::string_view text, int32_t first, bool with_offsets, TokenSpan& out) const;

 private:
  class Run;

  std::shared_ptr<const WordPiece> model_;
  CodePointMap map_;
  std::array<bool, 256> ends_word_;  // ASCII white space and punctuation
  uint64_t fold_;                    // all ones when upper case becomes lower case
  mutable WordCache cache_;
};

}  // namespace winnow
