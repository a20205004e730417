// What stands on a model's hidden states: pooling, and a classifier where the checkpoint has one.
// Once, for every model.
#pragma once

#include <memory>

#include "base/json.h"
#include "models/model.h"
#include "weights/weights.h"

namespace winnow {

enum class Pooling { kCls, kMean };

class Head {
 public:
  virtual ~Head() = default;
  virtual Rows rows() const = 0;  // what apply wants
  // hidden [B, D] for kFirst, [T, D] for kAll; returns one row a text: [B, L] logits or [B, D] a
  // pooled vector.
  virtual Tensor apply(Ops& f, const Tensor& hidden, const Batch& batch) const = 0;
  virtual int64_t width() const = 0;  // L or D
};

// BertForSequenceClassification: classifier(tanh(pooler(first token))), in f32. Source:
// modeling_bert.py, BertPooler.
std::unique_ptr<Head> make_bert_classifier(const Weights& weights);

// A text's first token, or the mean of all its tokens. Source: sentence-transformers,
// models/Pooling.py.
std::unique_ptr<Head> make_pooling(Pooling pooling, int64_t hidden_size);

}  // namespace winnow
