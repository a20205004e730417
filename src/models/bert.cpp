// BERT encoders: the ms-marco-MiniLM cross-encoders, the bge-*-en, bge-*-zh and all-MiniLM
// embedders. Source: transformers, models/bert/modeling_bert.py. Weight names are the checkpoint's
// own.
#include "models/post_norm.h"
#include "models/registry.h"

namespace winnow {
namespace {

class Bert final : public Model {
 public:
  Bert(const Json& config, const Weights& w)
      : eps_(static_cast<float>(config.number("layer_norm_eps", 1e-12))),
        words_(w.table("embeddings.word_embeddings")),
        types_(w.table("embeddings.token_type_embeddings")),
        positions_(w.table("embeddings.position_embeddings")),
        norm_(w.norm("embeddings.LayerNorm")),
        encoder_(config, w, "encoder.layer", kBertNames,
                 {.hidden = hidden_size(),
                  .layers = config.integer("num_hidden_layers"),
                  .heads = config.integer("num_attention_heads"),
                  .eps = eps_,
                  .activation = activation_of(config, "hidden_act", "gelu")}) {
    const std::string kind(config.string("position_embedding_type", "absolute"));
    if (kind != "absolute")
      fail(Code::kUnsupported, config.path(), "position_embedding_type: want absolute, got ", kind);
  }

  Tensor forward(Ops& f, const Batch& b, Rows rows, const LayerProbe& probe) const override {
    const Arena::Mark start = f.arena().mark();
    const Tensor h =
        f.embed_sum({{words_, b.ids}, {types_, b.types}, {positions_, b.positions}});  // [T, D]
    return encoder_.forward(f, b, start, f.layer_norm(h, norm_, eps_), rows, probe);
  }

  int64_t hidden_size() const override { return words_.rows.cols(); }
  int64_t max_positions() const override { return positions_.rows.dim(0); }
  int64_t vocab_size() const override { return words_.rows.dim(0); }
  int64_t type_count() const override { return types_.rows.dim(0); }

 private:
  float eps_;
  Table words_, types_, positions_;  // [V, D], [types, D], [longest text, D]
  Norm norm_;
  PostNormEncoder encoder_;
};

}  // namespace

std::unique_ptr<Model> make_bert(const Json& config, const Weights& weights) {
  return std::make_unique<Bert>(config, weights);
}

}  // namespace winnow
