// How texts become those of a late-interaction model, and which of their tokens have a vector. Pure
// functions. Source: Khattab & Zaharia 2020, sections 3.2 and 3.3; PyLate, models/colbert.py;
// FlagEmbedding, m3.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tasks/maxsim.h"
#include "tasks/sequence.h"

namespace winnow {

enum class TextSide { kDocument, kQuery };

// What a ColBERT checkpoint says of its texts, in words: PyLate's defaults.
struct ColbertSettings {
  std::string source;                                           // the file that says so, for errors
  std::string query_prefix = "[Q] ", document_prefix = "[D] ";  // one token each; "": none
  int query_length = 32, document_length = 180;                 // tokens in all
  bool expand_queries = true;     // queries are filled up to their length with [MASK]
  bool attend_expansion = false;  // other tokens see those
  std::vector<std::string> skipped = ascii_punctuation();  // documents' tokens without a vector

  static std::vector<std::string> ascii_punctuation();  // each of the 32 signs
};

// The same in the tokenizer's ids. As it stands: bge-m3's, whose texts are like any other and whose
// first token has no vector.
struct LateForm {
  struct Side {
    std::optional<int32_t> marker{};  // stands after the first token
    int length = 0;                   // tokens in all; 0: the model's limit
  };
  Side query, document;
  bool first_counts = false;           // whether the first token has a vector
  std::optional<int32_t> expansion{};  // what a query is filled up with
  bool attend_expansion = false;
  std::vector<int32_t> skipped{};  // sorted

  const Side& of(TextSide side) const { return side == TextSide::kQuery ? query : document; }
};

// Throws kCorrupt naming the source and the token that the tokenizer lacks: a prefix, or what
// queries are filled with ([MASK], <mask>; else what ends a text, as PyLate does). A skipped word
// that is no token skips nothing.
LateForm late_form(const ColbertSettings& settings, const Tokenizer& tokenizer);

// How many tokens of a text of that side count beside the special ones and its marker: what it is
// cut to.
int late_room(const LateForm& form, TextSide side, const Tokenizer& tokenizer,
              const Truncation& truncation, int model_limit);

// A text's tokens as the model reads them, cut to the side's length. Its error is kTooLong where
// truncation is off; throws as encode_tokens.
Encoded encode_side(const TokenSpan& tokens, TextSide side, const LateForm& form,
                    const Tokenizer& tokenizer, const Truncation& truncation, int model_limit);

// The vectors that count of what the model gave: values [ids, dimensions].
TokenVectors vectors_of(const float* values, std::span<const int32_t> ids, TextSide side,
                        const LateForm& form, int dimensions);

}  // namespace winnow
