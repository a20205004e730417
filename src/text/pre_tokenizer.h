// Pre-tokenizers: where a normalized text is split into words. Immutable and thread-safe.
// Source: the `tokenizers` library, pre_tokenizers/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/normalizer.h"

namespace winnow {

// A word: code points [begin, end) of a normalized text, never empty.
struct Word {
  size_t begin, end;
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Replaces each word by those it splits into. One that rewrites the text (a byte-level one) may
  // do that too.
  virtual void split(Normalized& n, std::vector<Word>& words) const = 0;
  virtual bool bert() const { return false; }
};

// Splits at white space and around every punctuation mark.
std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer();

// From the "pre_tokenizer" member of a tokenizer.json. Throws kUnsupported naming the key and the
// type.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json);

}  // namespace winnow
