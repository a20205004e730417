// From a checkpoint's config to a model with its head: one row an architecture.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "models/heads.h"
#include "models/model.h"
#include "weights/weights.h"

namespace winnow {

// Architectures, one file each.
std::unique_ptr<Model> make_bert(const Json& config, const Weights& weights);

// A model and what stands on it.
struct Network {
  std::string architecture;  // "BertForSequenceClassification"
  bool classifier;           // logits for labels; else a pooled vector
  std::vector<std::string> labels;
  std::optional<Pooling> pooling;  // embedders
  std::unique_ptr<Model> model;
  std::unique_ptr<Head> head;

  // [B, width] in f32: logits or pooled vectors, one row a text. Its bits do not depend on the
  // batch.
  Tensor run(Ops& f, const Batch& batch, const LayerProbe& probe = {}) const {
    return head->apply(f, model->forward(f, batch, head->rows(), probe), batch);
  }
};

// config: the checkpoint's config.json, or what its weights imply. pooling: what an embedder is to
// do; it must be said for an embedder. Throws kUnsupported naming the architecture and those that
// winnow has, kNotFound naming what a checkpoint lacks.
Network build_network(const Json& config, std::optional<Pooling> pooling, const Weights& weights);

}  // namespace winnow
