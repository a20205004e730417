// Llama decoders, and those that differ in what the checkpoint holds only: Mistral, and Qwen2 and
// Qwen2.5 with biases on q, k and v. Source: transformers, models/llama/modeling_llama.py and
// models/qwen2/modeling_qwen2.py. Weight names are the checkpoint's own.
#include "base/error.h"
#include "models/decoders.h"
#include "models/rope.h"

namespace winnow {
namespace {

struct Layer {
  std::vector<float> attn_norm, mlp_norm;
  Linear qkv, out, gate_up, down;

  explicit Layer(const Weights& w)
      : attn_norm(w.vector("input_layernorm")),
        mlp_norm(w.vector("post_attention_layernorm")),
        qkv(w.linear({"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"})),
        out(w.linear("self_attn.o_proj")),
        gate_up(w.linear({"mlp.gate_proj", "mlp.up_proj"})),
        down(w.linear("mlp.down_proj")) {}
};

// Llama 3's GGUF files divide the frequencies by factors of their own.
void slow(RopeSettings& rope, const std::vector<float>& factors, const Json& config) {
  if (factors.size() != rope.frequencies.size())
    fail(Code::kCorrupt, config.path(), ": rope_freqs.weight: want ", rope.frequencies.size(),
         " factors, got ", factors.size());
  for (size_t i = 0; i < factors.size(); ++i) rope.frequencies[i] /= factors[i];
}

class Llama final : public Decoder {
 public:
  Llama(const Json& config, const Weights& w)
      : shape_(decoder_shape(config)),
        rope_(rope_settings(config, shape_.head_size)),
        tokens_(w.table("model.embed_tokens")),
        layers_(w.layers<Layer>("model.layers", shape_.layers)),
        norm_(w.vector("model.norm")) {
    check_qkv(shape_, layers_.front().qkv, config);
    if (w.has("rope_freqs.weight")) slow(rope_, w.vector("rope_freqs"), config);
  }

  Tensor forward(Ops& f, const DecoderBatch& b, KvCache& cache, std::span<const int32_t> rows,
                 const LayerProbe& probe) const override {
    const Tensor angles = f.rope_angles(b.positions, rope_.frequencies, rope_.scale);  // [T, E]
    const Arena::Mark start = f.arena().mark();
    Tensor h = f.embed_sum({{tokens_, b.ids}});  // [T, D]
    if (probe) probe(0, h);
    for (size_t i = 0; i < layers_.size(); ++i) {
      const bool last = i + 1 == layers_.size() && !probe;
      h = f.arena().retain(
          start, layer(f, {b, angles, cache.layer(i), last ? &rows : nullptr}, layers_[i], h));
      if (probe) probe(static_cast<int>(i) + 1, h);
    }
    if (probe) h = f.gather_rows(h, rows);
    return f.rms_norm(h, norm_, shape_.eps);  // [R, D]
  }

  KvShape kv_shape() const override { return {shape_.layers, shape_.kv_heads, shape_.head_size}; }
  int64_t hidden_size() const override { return tokens_.rows.cols(); }
  int64_t max_positions() const override { return shape_.max_positions; }
  int64_t vocab_size() const override { return tokens_.rows.dim(0); }

 private:
  struct Pass {
    const DecoderBatch& batch;
    Tensor angles;  // [T, E]
    KvPages pages;
    const std::span<const int32_t>* rows;  // where given, only they are computed past the attention
  };

  Tensor layer(Ops& f, const Pass& pass, const Layer& l, Tensor h) const {
    const DecoderBatch& b = pass.batch;
    const int64_t q = shape_.heads, k = q + shape_.kv_heads, v = k + shape_.kv_heads;
    const Tensor qkv =
        f.linear_heads(f.rms_norm(h, l.attn_norm, shape_.eps), l.qkv, shape_.head_size);
    const Tensor qk = f.rope(qkv.slice(0, k), pass.angles);  // [H + K, T, E]
    Tensor mix = f.attention_cached(qk.slice(0, q), qk.slice(q, k), qkv.slice(k, v), pass.pages,
                                    {b.starts, b.positions, b.table});  // [T, H E]
    if (pass.rows) mix = f.gather_rows(mix, *pass.rows), h = f.gather_rows(h, *pass.rows);
    h = f.add(h, f.linear(mix, l.out));
    const Tensor gate_up = f.linear(f.rms_norm(h, l.mlp_norm, shape_.eps), l.gate_up);  // [T, 2 F]
    return f.add(h, f.linear(f.gated(gate_up, Activation::kSilu), l.down));             // [T, D]
  }

  DecoderShape shape_;
  RopeSettings rope_;
  Table tokens_;  // [V, D]
  std::vector<Layer> layers_;
  std::vector<float> norm_;
};

}  // namespace

std::unique_ptr<Decoder> make_llama(const Json& config, const Weights& weights) {
  return std::make_unique<Llama>(config, weights);
}

}  // namespace winnow
