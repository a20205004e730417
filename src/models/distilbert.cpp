// DistilBERT encoders: BERT's layers under other names, without token types.
// Source: transformers, models/distilbert/modeling_distilbert.py. Weight names are the checkpoint's
// own, with or without `distilbert.`.
#include "models/post_norm.h"
#include "models/registry.h"

namespace winnow {
namespace {

constexpr PostNormNames kNames{.query = "attention.q_lin",
                               .key = "attention.k_lin",
                               .value = "attention.v_lin",
                               .out = "attention.out_lin",
                               .attn_norm = "sa_layer_norm",
                               .up = "ffn.lin1",
                               .down = "ffn.lin2",
                               .mlp_norm = "output_layer_norm"};
constexpr float kEps = 1e-12f;  // the class's own: its config has no key

class DistilBert final : public Model {
 public:
  DistilBert(const Json& config, const Weights& w)
      : words_(w.table("embeddings.word_embeddings")),
        positions_(w.table("embeddings.position_embeddings")),
        norm_(w.norm("embeddings.LayerNorm")),
        encoder_(config, w, "transformer.layer", kNames,
                 {.hidden = hidden_size(),
                  .layers = config.integer("n_layers"),
                  .heads = config.integer("n_heads"),
                  .eps = kEps,
                  .activation = activation_of(config, "activation", "gelu")}) {}

  Tensor forward(Ops& f, const Batch& b, Rows rows, const LayerProbe& probe) const override {
    const Arena::Mark start = f.arena().mark();
    const Tensor h = f.embed_sum({{words_, b.ids}, {positions_, b.positions}});  // [T, D]
    return encoder_.forward(f, b, start, f.layer_norm(h, norm_, kEps), rows, probe);
  }

  int64_t hidden_size() const override { return words_.rows.cols(); }
  int64_t max_positions() const override { return positions_.rows.dim(0); }
  int64_t vocab_size() const override { return words_.rows.dim(0); }
  int64_t type_count() const override { return INT32_MAX; }  // it reads none

 private:
  Table words_, positions_;  // [V, D], [longest text, D]
  Norm norm_;
  PostNormEncoder encoder_;
};

}  // namespace

std::unique_ptr<Model> make_distilbert(const Json& config, const Weights& weights) {
  return std::make_unique<DistilBert>(config, weights);
}

}  // namespace winnow
