#include "models/rotary_decoder.h"

namespace winnow {

RotaryDecoder::Layer::Layer(const Weights& w)
    : attn_norm(w.vector("input_layernorm")),
      mlp_norm(w.vector("post_attention_layernorm")),
      qkv(w.linear({"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"})),
      out(w.linear("self_attn.o_proj")),
      gate_up(w.linear_gated({"mlp.gate_proj", "mlp.up_proj"})),
      down(w.linear("mlp.down_proj")) {}

RotaryDecoder::RotaryDecoder(const Json& config, const Weights& w)
    : shape_(decoder_shape(config)),
      rope_(rope_settings(config, shape_.head_size)),
      tokens_(w.table("model.embed_tokens")),
      layers_(w.layers<Layer>("model.layers", shape_.layers)),
      norm_(w.vector("model.norm")) {
  check_qkv(shape_, layers_.front().qkv, config);
}

Tensor RotaryDecoder::forward(Ops& f, const DecoderBatch& b, KvCache& cache,
                              std::span<const int32_t> rows, const LayerProbe& probe) const {
  const Tensor angles = f.rope_angles(b.positions, rope_.frequencies, rope_.scale);  // [T, E]
  const Arena::Mark start = f.arena().mark();
  Tensor h = f.embed_sum({{tokens_, b.ids}});  // [T, D]
  if (probe) probe(0, h);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const bool last = i + 1 == layers_.size() && !probe;
    h = f.arena().retain(start, layer(f, {b, angles, cache, last ? &rows : nullptr}, i, h));
    if (probe) probe(static_cast<int>(i) + 1, h);
  }
  if (probe) h = f.gather_rows(h, rows);
  return f.rms_norm(h, norm_, shape_.eps);  // [R, D]
}

Tensor RotaryDecoder::layer(Ops& f, const Pass& pass, size_t index, Tensor h) const {
  const Layer& l = layers_[index];
  const DecoderBatch& b = pass.batch;
  const Tensor qkv =
      f.linear_heads(f.rms_norm(h, l.attn_norm, shape_.eps), l.qkv, shape_.head_size);
  Tensor mix = f.attention_rotated(qkv, rotation(index, pass.angles),
                                   pass.cache.layer(static_cast<int64_t>(index)),
                                   {b.starts, b.positions, b.table});  // [T, H E]
  if (pass.rows) mix = f.gather_rows(mix, *pass.rows), h = f.gather_rows(h, *pass.rows);
  h = f.linear_add(mix, l.out, h);
  const Tensor mlp = f.linear_gated(f.rms_norm(h, l.mlp_norm, shape_.eps), l.gate_up,
                                    Activation::kSilu);  // [T, F]
  return f.linear_add(mlp, l.down, h);                   // [T, D]
}

}  // namespace winnow
