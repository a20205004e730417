// RoBERTa encoders, XLM-R and CamemBERT among them: bge-reranker-base, -large and -v2-m3, bge-m3.
// Source: transformers, models/roberta/modeling_roberta.py; xlm_roberta and camembert are copies of
// it. Weight names are the checkpoint's own.
#include "models/post_norm.h"
#include "models/registry.h"

namespace winnow {
namespace {

class XlmRoberta final : public Model {
 public:
  XlmRoberta(const Json& config, const Weights& w)
      : padding_(config.integer("pad_token_id", 1)),
        eps_(static_cast<float>(config.number("layer_norm_eps", 1e-12))),
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
    if (padding_ < 0 || max_positions() < 1)
      fail(Code::kCorrupt, config.path(), "pad_token_id: want 0 to ", positions_.rows.dim(0) - 2,
           ", got ", padding_);
  }

  Tensor forward(Ops& f, const Batch& b, Rows rows, const LayerProbe& probe) const override {
    const Arena::Mark start = f.arena().mark();
    const std::vector<int32_t> positions = positions_of(b), types(b.ids.size(), 0);
    const Tensor h =
        f.embed_sum({{words_, b.ids}, {types_, types}, {positions_, positions}});  // [T, D]
    return encoder_.forward(f, b, start, f.layer_norm(h, norm_, eps_), rows, probe);
  }

  int64_t hidden_size() const override { return words_.rows.cols(); }
  int64_t max_positions() const override { return positions_.rows.dim(0) - padding_ - 1; }
  int64_t vocab_size() const override { return words_.rows.dim(0); }
  int64_t type_count() const override { return INT32_MAX; }  // whatever they are, they count as 0

 private:
  // From padding + 1 on. A padding token, which a text can spell, has the padding's own position
  // and is not counted.
  std::vector<int32_t> positions_of(const Batch& b) const {
    std::vector<int32_t> out(b.ids.size());
    for (int64_t text = 0; text < b.texts(); ++text) {
      auto next = static_cast<int32_t>(padding_);
      for (int32_t i = b.starts[text]; i < b.starts[text + 1]; ++i)
        out[i] = b.ids[i] == padding_ ? static_cast<int32_t>(padding_) : ++next;
    }
    return out;
  }

  int64_t padding_;
  float eps_;
  Table words_, types_, positions_;  // [V, D], [types, D], [longest text + padding + 1, D]
  Norm norm_;
  PostNormEncoder encoder_;
};

}  // namespace

std::unique_ptr<Model> make_xlm_roberta(const Json& config, const Weights& weights) {
  return std::make_unique<XlmRoberta>(config, weights);
}

}  // namespace winnow
