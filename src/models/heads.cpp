#include "models/heads.h"

namespace winnow {
namespace {

class BertClassifier final : public Head {
 public:
  explicit BertClassifier(const Weights& w)
      : pooler_(w.linear({"pooler.dense"}, DType::f32)),
        classifier_(w.linear({"classifier"}, DType::f32)) {}
  Rows rows() const override { return Rows::kFirst; }
  int64_t width() const override { return classifier_.out; }
  Tensor apply(Ops& f, const Tensor& hidden, const Batch&) const override {
    return f.linear(f.tanh(f.linear(hidden, pooler_)), classifier_);  // [B, L]
  }

 private:
  Linear pooler_, classifier_;
};

class Pool final : public Head {
 public:
  Pool(Pooling pooling, int64_t width) : pooling_(pooling), width_(width) {}
  Rows rows() const override { return pooling_ == Pooling::kCls ? Rows::kFirst : Rows::kAll; }
  int64_t width() const override { return width_; }
  Tensor apply(Ops& f, const Tensor& hidden, const Batch& batch) const override {
    return pooling_ == Pooling::kCls ? hidden : f.mean_rows(hidden, batch.starts);  // [B, D]
  }

 private:
  Pooling pooling_;
  int64_t width_;
};

}  // namespace

std::unique_ptr<Head> make_bert_classifier(const Weights& weights) {
  return std::make_unique<BertClassifier>(weights);
}

std::unique_ptr<Head> make_pooling(Pooling pooling, int64_t hidden_size) {
  return std::make_unique<Pool>(pooling, hidden_size);
}

}  // namespace winnow
