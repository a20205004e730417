// The decoder that Llama, Qwen2 and Qwen3 share: layers of grouped attention and a gated MLP, each
// adding to what went in after an RMS norm of it. Their files say what differs: how q and k are
// made ready for attention. Source: Touvron et al. 2023; transformers,
// models/llama/modeling_llama.py.
#pragma once

#include <utility>
#include <vector>

#include "models/decoders.h"
#include "models/rope.h"

namespace winnow {

class RotaryDecoder : public Decoder {
 public:
  // Reads model.embed_tokens, model.layers.* and model.norm. Throws as decoder_shape, rope_settings
  // and Weights do, kCorrupt when a layer's q, k and v are not of the config's shape.
  RotaryDecoder(const Json& config, const Weights& w);

  Tensor forward(Ops& f, const DecoderBatch& batch, KvCache& cache, std::span<const int32_t> rows,
                 const LayerProbe& probe) const override;
  KvShape kv_shape() const override { return {shape_.layers, shape_.kv_heads, shape_.head_size}; }
  int64_t hidden_size() const override { return tokens_.rows.cols(); }
  int64_t max_positions() const override { return shape_.max_positions; }
  int64_t vocab_size() const override { return tokens_.rows.dim(0); }

 protected:
  const DecoderShape& shape() const { return shape_; }
  RopeSettings& rope() { return rope_; }

 private:
  // What becomes of a layer's q and k before they are rotated.
  virtual Ops::Rotation rotation(size_t layer, const Tensor& angles) const = 0;

  struct Layer {
    Floats attn_norm, mlp_norm;
    Linear qkv, out, gate_up, down;
    explicit Layer(const Weights& w);
  };
  struct Pass {
    const DecoderBatch& batch;
    Tensor angles;  // [T, E]
    KvCache& cache;
    const std::span<const int32_t>* rows;  // where given, only they are computed past the attention
  };
  Tensor layer(Ops& f, const Pass& pass, size_t index, Tensor h) const;

  DecoderShape shape_;
  RopeSettings rope_;
  Table tokens_;  // [V, D]
  std::vector<Layer> layers_;
  Floats norm_;
};

}  // namespace winnow
