// What stands on a model's hidden states: a classifier where the checkpoint has one, or an
// embedder's modules (models/modules.h). Once, for every model.
#pragma once

#include <memory>

#include "base/json.h"
#include "models/model.h"
#include "weights/weights.h"

namespace winnow {

class Head {
 public:
  virtual ~Head() = default;
  virtual Rows rows() const = 0;  // what apply wants
  // hidden [B, D] for kFirst, [T, D] for kAll; returns one row a text: [B, L] logits or [B, D] a
  // pooled vector.
  virtual Tensor apply(Ops& f, const Tensor& hidden, const Batch& batch) const = 0;
  virtual int64_t width() const = 0;  // L or D
};

// All compute in f32, whatever the model's linear layers do: they are small and decide the score.

// BertForSequenceClassification: classifier(tanh(pooler(first token))). Source: modeling_bert.py,
// BertPooler.
std::unique_ptr<Head> make_bert_classifier(const Json& config, const Weights& weights);

// RobertaForSequenceClassification: out_proj(tanh(dense(first token))). Source:
// modeling_roberta.py, RobertaClassificationHead.
std::unique_ptr<Head> make_roberta_classifier(const Json& config, const Weights& weights);

// DistilBertForSequenceClassification: classifier(relu(pre_classifier(first token))). Source:
// modeling_distilbert.py.
std::unique_ptr<Head> make_distilbert_classifier(const Json& config, const Weights& weights);

// ModernBertForSequenceClassification: classifier(norm(activation(dense(x)))) of the first token or
// of the mean, as config's classifier_pooling says. Source: modeling_modernbert.py.
std::unique_ptr<Head> make_modernbert_classifier(const Json& config, const Weights& weights);

}  // namespace winnow
