// Pre-tokenizers: where a normalized text is split into words. Immutable and thread-safe.
// Source: the `tokenizers` library, pre_tokenizers/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/normalizer.h"
#include "text/word_matcher.h"

namespace winnow {

// A word: code points [begin, end) of a normalized text, never empty.
struct Word {
  size_t begin, end;
};

// The options of a "Metaspace" component, pre-tokenizer or decoder.
struct MetaspaceOptions {
  enum class Prepend {
    kAlways,
    kFirst,
    kNever
  };                       // kFirst: to the word that stands for the text's first code point
  char32_t mark = 0x2581;  // what stands for a space
  Prepend prepend = Prepend::kAlways;
  bool split = true;
};
MetaspaceOptions metaspace_options(const Json& json);

// What a pre-tokenizer does, if it is a byte-level one that can be done in one pass over the text.
struct ByteLevelPlan {
  bool digits_alone = false;  // first, each numeric character is a word
  WordPattern words = WordPattern::kGpt2;
};

// What XLM-R's pre-tokenizers come to: a mark before every word, and at every space or mark a word.
struct MarkedWords {
  char32_t mark = 0x2581;
  bool drops_spaces = false;  // white space only ends words; otherwise each one begins one
};

class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  // Replaces each word by those it splits into. One that rewrites the text (a byte-level one) may
  // do that too.
  virtual void split(Normalized& n, std::vector<Word>& words) const = 0;
  virtual bool bert() const { return false; }
  virtual std::optional<ByteLevelPlan> byte_level() const { return std::nullopt; }
  virtual bool drops_spaces() const { return false; }  // whether it splits at white space alone
  virtual std::optional<MarkedWords> marked_words() const { return std::nullopt; }  // if it is them
};

// Splits at white space and around every punctuation mark.
std::unique_ptr<PreTokenizer> make_bert_pre_tokenizer();

// Metaspace with these options.
std::unique_ptr<PreTokenizer> make_metaspace(const MetaspaceOptions& options);

// From the "pre_tokenizer" member of a tokenizer.json. Throws kUnsupported naming the key and the
// type.
std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json);

}  // namespace winnow
