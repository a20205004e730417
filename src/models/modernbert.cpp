// ModernBERT encoders: gte-reranker-modernbert, the Ettin encoders and rerankers.
// Source: transformers, models/modernbert/modeling_modernbert.py; Warner et al. 2024. Norms come
// before attention and MLP, positions are rotary, most layers see a window of neighbours alone.
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "models/activation.h"
#include "models/registry.h"
#include "models/seen_tokens.h"

namespace winnow {
namespace {

struct Layer {
  std::optional<Norm> attn_norm;  // the first layer has none: the embeddings' norm stands before it
  Linear qkv, out, up, down;
  Norm mlp_norm;
  bool local;
};

// Which layers see a window alone: `layer_types`, or all but each nth.
std::vector<bool> local_layers(const Json& config, int64_t layers) {
  std::vector<bool> local;
  if (const auto types = config.find("layer_types")) {
    for (size_t i = 0; i < types->size(); ++i) {
      const std::string_view type = (*types)[i].string();
      if (type != "sliding_attention" && type != "full_attention")
        fail(Code::kUnsupported, (*types)[i].path(),
             ": want sliding_attention or full_attention, got ", type);
      local.push_back(type == "sliding_attention");
    }
  } else {
    const int64_t every = config.integer("global_attn_every_n_layers", 3);
    if (every < 1)
      fail(Code::kCorrupt, config.path(), "global_attn_every_n_layers: want at least 1, got ",
           every);
    for (int64_t i = 0; i < layers; ++i) local.push_back(i % every != 0);
  }
  if (layers < 1 || static_cast<int64_t>(local.size()) != layers)
    fail(Code::kCorrupt, config.path(), "layer_types: want ", layers, ", at least 1, got ",
         local.size());
  return local;
}

// The rotary base of a kind of layer: rope_parameters.<kind>.rope_theta, before transformers 5 a
// key of its own.
double theta_of(const Json& config, std::string_view kind, std::string_view old_key,
                double absent) {
  const auto all = config.find("rope_parameters");
  const auto own = all ? all->find(kind) : std::nullopt;
  if (own) {
    const std::string type(own->string("rope_type", "default"));
    if (type != "default")
      fail(Code::kUnsupported, own->path(), ".rope_type: want default, got ", type);
  }
  if (config.find("rope_scaling"))
    fail(Code::kUnsupported, config.path(), "rope_scaling: want none for ModernBERT");
  return own && own->find("rope_theta") ? own->number("rope_theta")
                                        : config.number(old_key, absent);
}

// theta^(-2i / E) for i below E / 2, rounded as torch does it in f32.
std::vector<float> frequencies_of(double theta, int64_t head_size) {
  std::vector<float> out;
  for (int64_t i = 0; i < head_size; i += 2)
    out.push_back(1.0f / std::pow(static_cast<float>(theta),
                                  static_cast<float>(i) / static_cast<float>(head_size)));
  return out;
}

class ModernBert final : public Model {
 public:
  ModernBert(const Json& config, const Weights& w)
      : heads_(config.integer("num_attention_heads")),
        eps_(static_cast<float>(config.number("norm_eps", 1e-5))),
        window_(config.integer("local_attention", 128) / 2),
        longest_(config.integer("max_position_embeddings", 8192)),
        activation_(activation_of(config, "hidden_activation", "gelu")),
        words_(w.table("embeddings.tok_embeddings")) {
    const bool bias = config.boolean("norm_bias", false);
    if (heads_ < 1 || hidden_size() % heads_ != 0 || hidden_size() / heads_ % 2 != 0)
      fail(Code::kCorrupt, config.path(),
           "num_attention_heads: want heads of an even size in the hidden size ", hidden_size(),
           ", got ", heads_);
    if (window_ < 1)
      fail(Code::kCorrupt, config.path(), "local_attention: want at least 2, got ",
           config.integer("local_attention", 128));
    const int64_t head_size = hidden_size() / heads_;
    global_ =
        frequencies_of(theta_of(config, "full_attention", "global_rope_theta", 160000), head_size);
    local_ =
        frequencies_of(theta_of(config, "sliding_attention", "local_rope_theta", 10000), head_size);
    norm_ = w.norm("embeddings.norm", bias);
    final_norm_ = w.norm("final_norm", bias);
    for (const bool local : local_layers(config, config.integer("num_hidden_layers"))) {
      const Weights l = w.scope(cat("layers.", layers_.size()));
      layers_.push_back({.attn_norm = std::nullopt,
                         .qkv = l.linear("attn.Wqkv"),
                         .out = l.linear("attn.Wo"),
                         .up = l.linear_gated({"mlp.Wi"}),
                         .down = l.linear("mlp.Wo"),
                         .mlp_norm = l.norm("mlp_norm", bias),
                         .local = local});
      if (layers_.size() > 1) layers_.back().attn_norm = l.norm("attn_norm", bias);
    }
  }

  Tensor forward(Ops& f, const Batch& b, Rows rows, const LayerProbe& probe) const override {
    const Tensor global = f.rope_angles(b.positions, global_),  // [T, E]
        local = f.rope_angles(b.positions, local_);
    const Arena::Mark start = f.arena().mark();
    Tensor h = f.arena().retain(start, f.layer_norm(f.embed_sum({{words_, b.ids}}), norm_, eps_));
    if (probe) probe(0, h);
    for (size_t i = 0; i < layers_.size(); ++i) {
      const bool pooled = rows == Rows::kFirst && i + 1 == layers_.size();
      const Layer& l = layers_[i];
      h = f.arena().retain(start, layer(f, b, l, h, l.local ? local : global, pooled));
      if (probe) probe(static_cast<int>(i) + 1, h);
    }
    h = f.arena().retain(start, f.layer_norm(h, final_norm_, eps_));  // [T, D] or [B, D]
    if (probe) probe(static_cast<int>(layers_.size()) + 1, h);
    return h;
  }

  int64_t hidden_size() const override { return words_.rows.cols(); }
  int64_t max_positions() const override { return longest_; }
  int64_t vocab_size() const override { return words_.rows.dim(0); }
  int64_t type_count() const override { return INT32_MAX; }  // it reads none

 private:
  // pooled: every token is a key and a value, but only each text's first token is computed further.
  Tensor layer(Ops& f, const Batch& b, const Layer& l, const Tensor& x, const Tensor& angles,
               bool pooled) const {
    const Tensor in = l.attn_norm ? f.layer_norm(x, *l.attn_norm, eps_) : x;
    const Tensor qkv = f.linear_heads(in, l.qkv, hidden_size() / heads_);  // [3H, T, E]
    const Tensor turned = f.rope(qkv.slice(0, 2 * heads_), angles);        // [2H, T, E]
    const SeenTokens seen(b);
    const Tensor k = seen.of(f, turned.slice(heads_, 2 * heads_)),
                 v = seen.of(f, qkv.slice(2 * heads_, 3 * heads_));
    Tensor q = turned.slice(0, heads_), residual = x;
    std::vector<int32_t> q_starts(b.starts.begin(), b.starts.end());
    if (pooled) {
      const std::span<const int32_t> first = b.starts.first(b.starts.size() - 1);
      q = f.gather_rows(q, first);         // [H, B, E]
      residual = f.gather_rows(x, first);  // [B, D]
      std::iota(q_starts.begin(), q_starts.end(), 0);
    }
    const Tensor mix = f.attention(
        q, k, v,
        {.q_starts = q_starts, .k_starts = seen.starts(), .window = l.local ? window_ : 0});
    const Tensor h = f.linear_add(mix, l.out, residual);
    const Tensor up = f.linear_gated(f.layer_norm(h, l.mlp_norm, eps_), l.up, activation_);
    return f.linear_add(up, l.down, h);
  }

  int64_t heads_;
  float eps_;
  int64_t window_, longest_;
  Activation activation_;
  Table words_;                        // [V, D]
  std::vector<float> global_, local_;  // rotary frequencies [E / 2]
  Norm norm_, final_norm_;
  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Model> make_modernbert(const Json& config, const Weights& weights) {
  return std::make_unique<ModernBert>(config, weights);
}

}  // namespace winnow
