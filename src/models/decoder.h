// A decoder: the forward pass of one causal architecture, written in the verbs of Ops, over keys
// and values in pages. Immutable after loading and thread-safe: what a pass changes is in its Ops
// and its KvCache.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "models/model.h"
#include "ops/kv_cache.h"

namespace winnow {

// New tokens of B texts, packed; text i goes on where its cache ends, at positions[starts[i]].
struct DecoderBatch {
  std::span<const int32_t> ids;        // [T]
  std::span<const int32_t> positions;  // [T], absolute, one after the other in each text
  std::span<const int32_t> starts;     // [B + 1]
  PageTable table;                     // pages for every position up to the last

  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
};

struct KvShape {
  int64_t layers, kv_heads, head_size;
};

class Decoder {
 public:
  virtual ~Decoder() = default;

  // Appends the batch's keys and values to the cache and returns the last hidden states, after the
  // final norm, of the tokens named in `rows`: [R, D]. A token's bits depend on its text up to it
  // alone. The probe sees all tokens.
  virtual Tensor forward(Ops& f, const DecoderBatch& batch, KvCache& cache,
                         std::span<const int32_t> rows, const LayerProbe& probe = {}) const = 0;

  virtual KvShape kv_shape() const = 0;
  virtual int64_t hidden_size() const = 0;
  virtual int64_t max_positions() const = 0;
  virtual int64_t vocab_size() const = 0;
};

}  // namespace winnow
