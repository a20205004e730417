#include "models/heads.h"

namespace winnow {
namespace {

// out(activation(in(first token))): the shape that BERT, RoBERTa and DistilBERT share.
class FirstTokenClassifier final : public Head {
 public:
  enum class Middle { kTanh, kRelu };
  FirstTokenClassifier(const Weights& w, std::string_view in, Middle middle, std::string_view out)
      : in_(w.linear({in}, DType::f32)), middle_(middle), out_(w.linear({out}, DType::f32)) {}
  Rows rows() const override { return Rows::kFirst; }
  int64_t width() const override { return out_.out; }
  Tensor apply(Ops& f, const Tensor& hidden, const Batch&) const override {
    const Tensor middle = middle_ == Middle::kTanh ? f.tanh(f.linear(hidden, in_))
                                                   : f.linear(hidden, in_, Activation::kRelu);
    return f.linear(middle, out_);  // [B, L]
  }

 private:
  Linear in_;
  Middle middle_;
  Linear out_;
};

}  // namespace

std::unique_ptr<Head> make_bert_classifier(const Json&, const Weights& weights) {
  return std::make_unique<FirstTokenClassifier>(weights, "pooler.dense",
                                                FirstTokenClassifier::Middle::kTanh, "classifier");
}

std::unique_ptr<Head> make_roberta_classifier(const Json&, const Weights& weights) {
  return std::make_unique<FirstTokenClassifier>(
      weights, "classifier.dense", FirstTokenClassifier::Middle::kTanh, "classifier.out_proj");
}

std::unique_ptr<Head> make_distilbert_classifier(const Json&, const Weights& weights) {
  return std::make_unique<FirstTokenClassifier>(weights, "pre_classifier",
                                                FirstTokenClassifier::Middle::kRelu, "classifier");
}

}  // namespace winnow
