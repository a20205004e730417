#include "models/heads.h"

#include <string>

#include "base/error.h"
#include "models/activation.h"

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

class ModernBertClassifier final : public Head {
 public:
  ModernBertClassifier(const Json& config, const Weights& w)
      : dense_(w.linear({"head.dense"}, DType::f32)),
        activation_(activation_of(config, "classifier_activation", "gelu")),
        norm_(w.norm("head.norm", config.boolean("norm_bias", false))),
        eps_(static_cast<float>(config.number("norm_eps", 1e-5))),
        classifier_(w.linear({"classifier"}, DType::f32)) {
    const std::string pooling = config.string("classifier_pooling", "cls");
    if (pooling != "cls" && pooling != "mean")
      fail(Code::kUnsupported, config.path(), "classifier_pooling: want cls or mean, got ",
           pooling);
    mean_ = pooling == "mean";
  }
  Rows rows() const override { return mean_ ? Rows::kAll : Rows::kFirst; }
  int64_t width() const override { return classifier_.out; }
  Tensor apply(Ops& f, const Tensor& hidden, const Batch& batch) const override {
    constexpr Pooling kMean[] = {Pooling::kMean};
    const Tensor x = mean_ ? f.pool_rows(hidden, batch.starts, {}, kMean) : hidden;  // [B, D]
    return f.linear(f.layer_norm(f.linear(x, dense_, activation_), norm_, eps_), classifier_);
  }

 private:
  Linear dense_;
  Activation activation_;
  Norm norm_;
  float eps_;
  Linear classifier_;
  bool mean_ = false;
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

std::unique_ptr<Head> make_modernbert_classifier(const Json& config, const Weights& weights) {
  return std::make_unique<ModernBertClassifier>(config, weights);
}

}  // namespace winnow
