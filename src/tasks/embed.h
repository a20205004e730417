// Embedding: texts to sequences, pooled vectors to unit vectors. Pure functions.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "tasks/sequence.h"

namespace winnow {

// A text, or ids that the caller tokenized (special tokens are added to these too).
using EmbedInput = std::variant<std::string, std::vector<int32_t>>;

struct EmbedRequest {
  std::vector<EmbedInput> inputs;
  Truncation truncation;
  std::string prompt;     // prepended to every text
  bool normalize = true;  // to unit length
  int dimensions = 0;     // 0: all; else the first so many (Matryoshka), normalised after the cut
};

// One Encoded an input: its sequence, or why it has none (empty, not UTF-8, too long with
// truncation off).
std::vector<Encoded> encode_embed(const EmbedRequest& request, const Tokenizer& tokenizer,
                                  int model_limit);

// One vector an input, in order. Throws kInvalidArgument when dimensions exceeds the model's,
// kInternal when a value is not finite.
std::vector<std::vector<float>> decode_embed(const EmbedRequest& request,
                                             std::vector<Output> outputs);

// The cosine of two vectors of one length, summed in f64 in order; 0 when either is zero.
float cosine(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace winnow
