#include "tasks/classify.h"

#include <algorithm>
#include <cmath>

#include "tasks/rerank.h"

namespace winnow {
namespace {

// exp(x_i) / sum exp(x), in f64, with the maximum taken off first.
std::vector<float> softmax(const Output& logits) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - most);
  std::vector<float> out;
  for (const float x : logits) out.push_back(static_cast<float>(std::exp(x - most) / sum));
  return out;
}

}  // namespace

std::vector<Encoded> encode_classify(const ClassifyRequest& request, const Tokenizer& tokenizer,
                                     int model_limit) {
  std::vector<Encoded> out;
  out.reserve(request.inputs.size());
  for (const ClassifyInput& input : request.inputs) {
    auto error = refuse_text(input.text);
    if (!error && input.pair) error = refuse_text(*input.pair);
    if (error) {
      out.push_back({{}, std::move(error)});
      continue;
    }
    TokenSpan pair;
    if (input.pair) pair = tokenizer.tokenize(*input.pair);
    out.push_back(encode_tokens(tokenizer.tokenize(input.text), input.pair ? &pair : nullptr,
                                tokenizer, request.truncation, model_limit));
  }
  return out;
}

std::vector<std::vector<LabelScore>> decode_classify(const ClassifyRequest& request,
                                                     const std::vector<Output>& outputs) {
  std::vector<std::vector<LabelScore>> out;
  for (size_t i = 0; i < outputs.size(); ++i) {
    Output scores = outputs[i];
    for (const float logit : scores)
      if (!std::isfinite(logit))
        fail(Code::kInternal, "classify: input ", i, " has the score ", logit);
    if (!request.raw_scores)
      scores = scores.size() == 1 ? Output{sigmoid(scores[0])} : softmax(scores);
    std::vector<LabelScore> labels;
    for (size_t label = 0; label < scores.size(); ++label)
      labels.push_back({static_cast<int>(label), scores[label]});
    // By logit: a softmax that underflows would make ties of what is apart.
    std::stable_sort(labels.begin(), labels.end(), [&](const LabelScore& a, const LabelScore& b) {
      return outputs[i][a.label] > outputs[i][b.label];
    });
    out.push_back(std::move(labels));
  }
  return out;
}

}  // namespace winnow
