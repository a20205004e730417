#include "models/post_norm.h"

#include <numeric>
#include <string>

#include "base/error.h"
#include "models/seen_tokens.h"

namespace winnow {

PostNormEncoder::PostNormEncoder(const Json& config, const Weights& w, std::string_view layers_name,
                                 const PostNormNames& names, const PostNormShape& shape)
    : shape_(shape) {
  if (shape.heads < 1 || shape.hidden % shape.heads != 0)
    fail(Code::kCorrupt, config.path(), "heads: want a divisor of the hidden size ", shape.hidden,
         ", got ", shape.heads);
  if (shape.layers < 1) fail(Code::kCorrupt, config.path(), "layers: want at least 1");
  for (int64_t i = 0; i < shape.layers; ++i) {
    const Weights l = w.scope(cat(layers_name, ".", i));
    layers_.push_back({.qkv = l.linear({names.query, names.key, names.value}),
                       .out = l.linear(names.out),
                       .up = l.linear(names.up),
                       .down = l.linear(names.down),
                       .attn_norm = l.norm(names.attn_norm),
                       .mlp_norm = l.norm(names.mlp_norm)});
  }
}

Tensor PostNormEncoder::forward(Ops& f, const Batch& b, Arena::Mark start, const Tensor& embedded,
                                Rows rows, const LayerProbe& probe) const {
  Tensor h = f.arena().retain(start, embedded);
  if (probe) probe(0, h);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const bool pooled = rows == Rows::kFirst && i + 1 == layers_.size();
    h = f.arena().retain(start, layer(f, b, layers_[i], h, pooled));  // [T, D] or [B, D]
    if (probe) probe(static_cast<int>(i) + 1, h);
  }
  return h;  // pooling and heads: models/heads.h
}

// pooled: every token is a key and a value, but only each text's first token is computed further.
Tensor PostNormEncoder::layer(Ops& f, const Batch& b, const Layer& l, const Tensor& x,
                              bool pooled) const {
  const int64_t heads = shape_.heads;
  const Tensor qkv = f.linear_heads(x, l.qkv, shape_.hidden / heads);  // [3H, T, E]
  const SeenTokens seen(b);
  const Tensor k = seen.of(f, qkv.slice(heads, 2 * heads)),
               v = seen.of(f, qkv.slice(2 * heads, 3 * heads));
  Tensor q = qkv.slice(0, heads), residual = x;
  std::vector<int32_t> q_starts(b.starts.begin(), b.starts.end());
  if (pooled) {
    const std::span<const int32_t> first = b.starts.first(b.starts.size() - 1);
    q = f.gather_rows(q, first);         // [H, B, E]
    residual = f.gather_rows(x, first);  // [B, D]
    std::iota(q_starts.begin(), q_starts.end(), 0);
  }
  const Tensor mix = f.attention(q, k, v, {.q_starts = q_starts, .k_starts = seen.starts()});
  const Tensor h = f.add_layer_norm(f.linear(mix, l.out), residual, l.attn_norm, shape_.eps);
  return f.add_layer_norm(f.mlp(h, l.up, shape_.activation, l.down), h, l.mlp_norm, shape_.eps);
}

}  // namespace winnow
