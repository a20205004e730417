// How much arithmetic a checkpoint's layers are: what a measured rate is compared with a device's
// by.
#pragma once

#include <cstdint>

#include "base/json.h"

namespace winnow {

// The sizes that count, of all layers alike. Operations are two a multiply-add, of the linear
// layers and of attention's two products; embeddings, norms, activations, a head on top and padding
// are not counted. All layers count for all tokens, though some engines (winnow) compute the last
// one only where it is read.
struct LayerArithmetic {
  int64_t layers = 0, hidden = 0, inner = 0;  // inner: of the feed-forward part
  int64_t queries = 0, keys = 0;              // widths of all query heads, of all key heads
  bool gated = false;                         // the feed-forward part has a third matrix
  bool causal = false;                        // half of the scores are never needed
  int64_t local_layers = 0;                   // of the layers, those that see a window
  int64_t window = 0;                         // tokens to each side

  double linear() const;                   // a token's, in all linear layers
  double attention(int64_t tokens) const;  // a text's, of so many tokens
  double text(int64_t tokens) const {
    return linear() * static_cast<double>(tokens) + attention(tokens);
  }
  // One more token of a text that has so many: what decoding computes.
  double next_token(int64_t tokens) const;
};

// By the keys of a config.json (DistilBERT's own names too). Throws as Json's accessors where one
// that counts is missing.
LayerArithmetic layer_arithmetic(const Json& config);

}  // namespace winnow
