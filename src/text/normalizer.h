// Normalizers: what a tokenizer.json does to a text before it is split. Immutable and thread-safe.
// Source: the `tokenizers` library, normalizers/ and NormalizedString.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/char_map.h"
#include "text/tokenizer.h"

namespace winnow {

// A text under normalization. origin[i] are the code points of the original text that text[i]
// stands for, as the library has them: a range for each byte, the same for all bytes of one code
// point. What is put before everything stands for none: {first, first}.
struct Normalized {
  std::u32string text;
  std::vector<Offset> origin;
  int32_t first = 0;  // where the stretch of the original text begins, in code points
};

// Decodes UTF-8 (well-formed); its first code point is number `first` of the original text.
Normalized decode(std::string_view utf8, int32_t first);

// A new code point and how it relates to the old text: 0 replaces one old code point, -n replaces
// one and drops the n after it, 1 is inserted.
using Change = std::pair<char32_t, int>;

// Replaces the text; an inserted code point takes the origin of the old one before it. Changes that
// use up fewer old code points than there are leave those at the end out. Source:
// NormalizedString::transform.
void rewrite(Normalized& n, const std::vector<Change>& changes);

struct BertOptions {
  bool clean_text = true;
  bool chinese = true;        // handle_chinese_chars
  bool strip_accents = true;  // null in the file means: as lower_case
  bool lower_case = true;
};

// What a tokenizer_config.json says, which wins over the normalizer of tokenizer.json; empty where
// it is silent.
struct BertOverrides {
  std::optional<bool> chinese, strip_accents, lower_case;
  bool silence_is_default = false;  // where it is silent, BERT's defaults win too
};

// The options of a "BertNormalizer" component.
BertOptions bert_options(const Json& json, const BertOverrides& overrides = {});

// What XLM-R's normalizers come to: a character map, then some rules for spaces.
struct SpacedMap {
  std::shared_ptr<const CharMap> map;
  bool strip_right = false;  // white space is taken off the end
  bool joins = false;        // two spaces or more become one, or one mark
};

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(Normalized& n) const = 0;
  // True only when it leaves a text (well-formed UTF-8) as it is.
  virtual bool leaves(std::string_view) const { return false; }
  // If it is one, given the mark that stands for a space.
  virtual std::optional<SpacedMap> spaced_map(char32_t /*mark*/) const { return std::nullopt; }
  // Adds what it does to what those before it in a sequence do; false if it is something else.
  virtual bool follows(SpacedMap& /*before*/, char32_t /*mark*/) const { return false; }
  virtual std::optional<BertOptions> bert() const {
    return std::nullopt;
  }  // its options, if it is BERT's
};

// BERT's normalizer with these options.
std::unique_ptr<Normalizer> make_bert_normalizer(const BertOptions& options);

// What transformers puts in place of SentencePiece's normalizer: the character map, if there is
// one; no white space at the end; runs of spaces one mark.
std::unique_ptr<Normalizer> make_sentence_piece_normalizer(std::optional<CharMap> map,
                                                           char32_t mark);

// SentencePiece's own, as a model was trained beside it: the character map, if there is one; where
// `single`, no spaces at the ends and one for a run of them; where `prefix`, a mark before a text;
// then marks for spaces.
std::unique_ptr<Normalizer> make_trained_normalizer(std::optional<CharMap> map, bool single,
                                                    bool prefix, char32_t mark);

// From the "normalizer" member of a tokenizer.json. Throws kUnsupported naming the key and the
// type.
std::unique_ptr<Normalizer> make_normalizer(const Json& json);

// "BertNormalizer" of a component's "type"; the components of a file are told apart by it.
std::string component_type(const Json& json);

}  // namespace winnow
