// From a checkpoint's config to a model with its head: one row an architecture.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "models/heads.h"
#include "models/model.h"
#include "models/modules.h"
#include "weights/weights.h"

namespace winnow {

// Architectures, one file each.
std::unique_ptr<Model> make_bert(const Json& config, const Weights& weights);
std::unique_ptr<Model> make_distilbert(const Json& config, const Weights& weights);
std::unique_ptr<Model> make_modernbert(const Json& config, const Weights& weights);
std::unique_ptr<Model> make_xlm_roberta(const Json& config, const Weights& weights);

// What a folder puts on an embedder's hidden states beside config.json and its weights.
struct EmbedderParts {
  std::vector<Module> modules;  // a pooling first
  // bge-m3: a linear layer to a weight a token, and one to a vector a token. Null: none.
  std::shared_ptr<const Checkpoint> sparse, multi;
  // ColBERT: what stands on each token's hidden state instead of a pooling. Empty for HF_ColBERT
  // too, whose one layer is in the checkpoint itself.
  std::vector<Module> token_modules;
};

// What of a text somebody reads.
struct Wanted {
  bool pooled = true, sparse = false, multi = false, hidden = false;
};

struct Results {
  std::optional<Tensor> pooled;  // [B, width]: logits or pooled vectors
  std::optional<Tensor> sparse;  // [T, 1]: how much a token says, from 0
  std::optional<Tensor> multi;   // [T, C]: unit vectors
  std::optional<Tensor> hidden;  // [T, D]: the last hidden states
};

// A model and what stands on it.
struct Network {
  std::string architecture;  // "BertForSequenceClassification"
  bool classifier;           // logits for labels; else a pooled vector
  std::vector<std::string> labels;
  std::vector<Pooling> pooling;  // embedders
  std::unique_ptr<Model> model;
  std::unique_ptr<Head> head;    // null: ColBERT, which has no vector a text
  std::optional<Linear> sparse;  // [D] to 1
  std::unique_ptr<Head> multi;   // [T, D] to [T, C]; null: none

  // [B, width] in f32: logits or pooled vectors, one row a text. Its bits do not depend on the
  // batch.
  Tensor run(Ops& f, const Batch& batch, const LayerProbe& probe = {}) const {
    return head->apply(f, model->forward(f, batch, head->rows(), probe), batch);
  }
  // The same with whatever else is wanted; pooled has run's bits. Throws kUnsupported when the
  // network has no head for it. Source of sparse and multi: FlagEmbedding, m3 modeling.
  Results run(Ops& f, const Batch& batch, const Wanted& wanted) const;
};

// config: the checkpoint's config.json, or what its weights imply. parts: what an embedder is to
// do; it must have a pooling for an embedder but ColBERT. Throws kUnsupported naming the
// architecture and those that winnow has, kNotFound naming what a checkpoint lacks.
Network build_network(const Json& config, const EmbedderParts& parts, const Weights& weights);

// Whether the config is of Stanford's ColBERT: HF_ColBERT on the trunk that model_type names.
bool is_colbert(const Json& config);

// Whether the config names an architecture that build_network has.
bool is_encoder(const Json& config);

}  // namespace winnow
