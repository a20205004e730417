// BERT encoders: the ms-marco-MiniLM cross-encoders, the bge-*-en, bge-*-zh and all-MiniLM
// embedders. Source: transformers, models/bert/modeling_bert.py. Weight names are the checkpoint's
// own.
#include <numeric>
#include <vector>

#include "models/registry.h"

namespace winnow {
namespace {

struct Layer {
  Linear qkv, out, up, down;
  Norm attn_norm, mlp_norm;

  explicit Layer(const Weights& w)
      : qkv(w.linear({"attention.self.query", "attention.self.key", "attention.self.value"})),
        out(w.linear("attention.output.dense")),
        up(w.linear("intermediate.dense")),
        down(w.linear("output.dense")),
        attn_norm(w.norm("attention.output.LayerNorm")),
        mlp_norm(w.norm("output.LayerNorm")) {}
};

class Bert final : public Model {
 public:
  Bert(const Json& config, const Weights& w)
      : heads_(config.integer("num_attention_heads")),
        eps_(static_cast<float>(config.number("layer_norm_eps", 1e-12))),
        words_(w.table("embeddings.word_embeddings")),
        types_(w.table("embeddings.token_type_embeddings")),
        positions_(w.table("embeddings.position_embeddings")),
        norm_(w.norm("embeddings.LayerNorm")),
        layers_(w.layers<Layer>("encoder.layer", config.integer("num_hidden_layers"))) {
    const std::string act = config.string("hidden_act", "gelu");
    if (act != "gelu") fail(Code::kUnsupported, config.path(), "hidden_act: want gelu, got ", act);
    const std::string kind = config.string("position_embedding_type", "absolute");
    if (kind != "absolute")
      fail(Code::kUnsupported, config.path(), "position_embedding_type: want absolute, got ", kind);
    if (heads_ < 1 || hidden_size() % heads_ != 0)
      fail(Code::kCorrupt, config.path(), "num_attention_heads: want a divisor of the hidden size ",
           hidden_size(), ", got ", heads_);
    if (layers_.empty()) fail(Code::kCorrupt, config.path(), "num_hidden_layers: want at least 1");
  }

  Tensor forward(Ops& f, const Batch& b, Rows rows, const LayerProbe& probe) const override {
    const Arena::Mark start = f.arena().mark();
    Tensor h =
        f.embed_sum({{words_, b.ids}, {types_, b.types}, {positions_, b.positions}});  // [T, D]
    h = f.arena().retain(start, f.layer_norm(h, norm_, eps_));
    if (probe) probe(0, h);
    for (size_t i = 0; i < layers_.size(); ++i) {
      const bool pooled = rows == Rows::kFirst && i + 1 == layers_.size();
      h = f.arena().retain(start, layer(f, b, layers_[i], h, pooled));  // [T, D] or [B, D]
      if (probe) probe(static_cast<int>(i) + 1, h);
    }
    return h;  // pooling and heads: models/heads.h
  }

  int64_t hidden_size() const override { return words_.rows.cols(); }
  int64_t max_positions() const override { return positions_.rows.dim(0); }
  int64_t vocab_size() const override { return words_.rows.dim(0); }
  int64_t type_count() const override { return types_.rows.dim(0); }

 private:
  // pooled: every token is a key and a value, but only each text's first token is computed further.
  Tensor layer(Ops& f, const Batch& b, const Layer& l, const Tensor& x, bool pooled) const {
    const Tensor qkv = f.linear_heads(x, l.qkv, hidden_size() / heads_);  // [3H, T, E]
    const Tensor k = qkv.slice(heads_, 2 * heads_), v = qkv.slice(2 * heads_, 3 * heads_);
    Tensor q = qkv.slice(0, heads_), residual = x;
    std::vector<int32_t> q_starts(b.starts.begin(), b.starts.end());
    if (pooled) {
      const std::span<const int32_t> first = b.starts.first(b.starts.size() - 1);
      q = f.gather_rows(q, first);         // [H, B, E]
      residual = f.gather_rows(x, first);  // [B, D]
      std::iota(q_starts.begin(), q_starts.end(), 0);
    }
    const Tensor mix = f.attention(q, k, v, {.q_starts = q_starts, .k_starts = b.starts});
    const Tensor h = f.add_layer_norm(f.linear(mix, l.out), residual, l.attn_norm, eps_);
    return f.add_layer_norm(f.linear(f.linear(h, l.up, Activation::kGelu), l.down), h, l.mlp_norm,
                            eps_);
  }

  int64_t heads_;
  float eps_;
  Table words_, types_, positions_;  // [V, D], [types, D], [longest text, D]
  Norm norm_;
  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Model> make_bert(const Json& config, const Weights& weights) {
  return std::make_unique<Bert>(config, weights);
}

}  // namespace winnow
