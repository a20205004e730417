// A model: the forward pass of one architecture, written in the verbs of Ops. Immutable after
// loading and thread-safe: what a pass changes is in its Ops.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "ops/ops.h"

namespace winnow {

// Packed texts: T tokens, B texts, text i at [starts[i], starts[i + 1]). Never padded.
struct Batch {
  std::span<const int32_t> ids;        // [T]
  std::span<const int32_t> types;      // [T]
  std::span<const int32_t> positions;  // [T], from 0 in each text
  std::span<const int32_t> starts;     // [B + 1]
  std::span<const int32_t> prompts{};  // [B] tokens of each text's prompt; empty: no text has one
  // [B] how many of each text's first tokens are seen by its others: the rest see and are not seen,
  // as ColBERT's [MASK]s. Empty: all are.
  std::span<const int32_t> keys{};

  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
  int64_t texts() const { return static_cast<int64_t>(starts.size()) - 1; }
};

// Which rows of the last hidden states somebody reads: the last layer computes no others.
enum class Rows { kAll, kFirst };

// Sees the hidden states after the embeddings (layer 0) and after each layer, when somebody looks
// for a fault.
using LayerProbe = std::function<void(int layer, const Tensor& hidden)>;

class Model {
 public:
  virtual ~Model() = default;

  // The last hidden states: [T, D], or for kFirst the first token of each text: [B, D], with the
  // same bits.
  virtual Tensor forward(Ops& f, const Batch& batch, Rows rows,
                         const LayerProbe& probe = {}) const = 0;

  virtual int64_t hidden_size() const = 0;
  virtual int64_t max_positions() const = 0;  // the longest text, in tokens
  virtual int64_t vocab_size() const = 0;     // ids must be below
  virtual int64_t type_count() const = 0;     // types must be below
};

}  // namespace winnow
