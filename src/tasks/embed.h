// Embedding: texts to sequences, pooled vectors to unit vectors. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "tasks/late.h"
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
  TextSide side = TextSide::kDocument;  // of a late-interaction model alone
  uint8_t outputs = Sequence::kPooled;  // what is wanted: bits of Sequence::OutputKind
};

// How much a token of the vocabulary says about a text.
struct SparseWeight {
  int32_t id;
  float weight;
  bool operator==(const SparseWeight&) const = default;
};

// What a text became; empty what was not asked for.
struct Embedding {
  std::vector<float> dense;
  std::vector<SparseWeight> sparse;  // by id
  TokenVectors multi;                // a unit vector for each token that counts
  TokenVectors hidden;               // the last hidden state of every token
};

// What the model gives of each kind, in values a text (pooled) or a token.
struct OutputWidths {
  int pooled = 0, multi = 0, hidden = 0;
  LateForm form{};  // of multi: which tokens' vectors count
};

// One Encoded an input: its sequence, or why it has none (empty, not UTF-8, too long with
// truncation off). form frames the texts of a late-interaction model.
std::vector<Encoded> encode_embed(const EmbedRequest& request, const Tokenizer& tokenizer,
                                  int model_limit, const LateForm& form = {});

// One vector an input, in order. Throws kInvalidArgument when dimensions exceeds the model's,
// kInternal when a value is not finite.
std::vector<std::vector<float>> decode_embed(const EmbedRequest& request,
                                             std::vector<Output> outputs);

// One Embedding an input, in order; ids: each sequence's. Sparse is bge-m3's rule: an id's largest
// weight, without what is 0 and the tokens that begin, end, pad and stand for the unknown. Throws
// as decode_embed, kInternal when an output is not as long as the widths say.
std::vector<Embedding> decode_embeddings(const EmbedRequest& request,
                                         const std::vector<std::vector<int32_t>>& ids,
                                         const std::vector<Output>& outputs,
                                         const OutputWidths& widths, const Tokenizer& tokenizer);

// The sum over shared ids of both weights' product; both by id. Source: FlagEmbedding, m3:
// compute_lexical_matching_score.
float lexical_score(const std::vector<SparseWeight>& a, const std::vector<SparseWeight>& b);

// The cosine of two vectors of one length, summed in f64 in order; 0 when either is zero.
float cosine(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace winnow
