// The encoder that BERT, RoBERTa and DistilBERT share: layers of attention and an MLP, each
// followed by a norm of its sum with what went in. Their files say what differs: names, embeddings,
// limits. Source: Devlin et al. 2019; transformers, models/bert/modeling_bert.py, BertLayer.
#pragma once

#include <string_view>
#include <vector>

#include "base/json.h"
#include "models/activation.h"
#include "models/model.h"
#include "weights/weights.h"

namespace winnow {

// How a checkpoint names the parts of one layer, below the layer's own name.
struct PostNormNames {
  std::string_view query, key, value, out, attn_norm, up, down, mlp_norm;
};

// BERT's, which RoBERTa and its kind kept.
inline constexpr PostNormNames kBertNames{.query = "attention.self.query",
                                          .key = "attention.self.key",
                                          .value = "attention.self.value",
                                          .out = "attention.output.dense",
                                          .attn_norm = "attention.output.LayerNorm",
                                          .up = "intermediate.dense",
                                          .down = "output.dense",
                                          .mlp_norm = "output.LayerNorm"};

struct PostNormShape {
  int64_t hidden, layers, heads;
  float eps;
  Activation activation;
};

class PostNormEncoder {
 public:
  // Layers from w.scope(layers_name + ".0") on. config is named in errors: kCorrupt when heads do
  // not divide hidden, or there is no layer.
  PostNormEncoder(const Json& config, const Weights& w, std::string_view layers_name,
                  const PostNormNames& names, const PostNormShape& shape);

  // embedded [T, D]: the embeddings after their norm; start: the arena before anything was made.
  // Returns what Model::forward does.
  Tensor forward(Ops& f, const Batch& b, Arena::Mark start, const Tensor& embedded, Rows rows,
                 const LayerProbe& probe) const;

 private:
  struct Layer {
    Linear qkv, out, up, down;
    Norm attn_norm, mlp_norm;
  };
  Tensor layer(Ops& f, const Batch& b, const Layer& l, const Tensor& x, bool pooled) const;

  PostNormShape shape_;
  std::vector<Layer> layers_;
};

}  // namespace winnow
