// A sequence: one text or pair as the model reads it, between a task and the engine. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/tokenizer.h"

namespace winnow {

struct Sequence {
  std::vector<int32_t> ids;       // special tokens included
  std::vector<int32_t> type_ids;  // as many
  int32_t prompt = 0;             // so many of the first ids are a prompt's
  int32_t keys = 0;               // so many of the first ids are seen by others; 0: all
  uint8_t outputs = kPooled;      // what is wanted of it: bits of OutputKind

  enum OutputKind : uint8_t { kPooled = 1, kSparse = 2, kMulti = 4, kHidden = 8 };
};

// What the model gave for one sequence of n tokens, in this order, as far as wanted: L logits of a
// classifier or D values of an embedding; n sparse weights; n vectors; n hidden states.
using Output = std::vector<float>;

// How a task cuts what is too long for the model.
struct Truncation {
  bool enabled = true;  // false: too long is kTooLong, naming the limit and the length
  TruncationSide side = TruncationSide::kRight;
  int max_length =
      0;  // tokens in all, special tokens included; 0: the model's own limit; never above that
};

// Why one input of a request was refused while its neighbours were served.
struct InputError {
  Code code;
  std::string message;
};

// An input's sequence, or why it has none.
struct Encoded {
  Sequence sequence;
  std::optional<InputError> error;
  int input = 0;   // which of the request's
  int window = 0;  // which of its windows, where a long document was cut into several
};

// How many tokens a sequence may have, special tokens included.
int length_limit(const Truncation& truncation, int model_limit);

// Why a text cannot be tokenized: it is empty, or not UTF-8 (with the byte's offset).
std::optional<InputError> refuse_text(std::string_view text);

// One or two token lists cut to the limit (longest first) and framed by the template's special
// tokens. Its error is kTooLong where truncation is off; a limit without room for a token throws
// kTooLong.
Encoded encode_tokens(TokenSpan first, TokenSpan* second, const Tokenizer& tokenizer,
                      const Truncation& truncation, int model_limit);

// Throws the first error there is, naming its input: for tasks that answer for all inputs or for
// none.
void require_all(const std::vector<Encoded>& encoded);

}  // namespace winnow
