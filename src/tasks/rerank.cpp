#include "tasks/rerank.h"

#include <algorithm>
#include <cmath>

namespace winnow {

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

std::vector<Encoded> encode_rerank(const RerankRequest& request, const Tokenizer& tokenizer,
                                   int model_limit) {
  if (const auto error = refuse_text(request.query)) fail(error->code, "query: ", error->message);
  const TokenSpan query = tokenizer.tokenize(request.query);
  std::vector<Encoded> out;
  out.reserve(request.documents.size());
  for (const std::string& document : request.documents) {
    if (auto error = refuse_text(document)) {
      out.push_back({{}, std::move(error)});
      continue;
    }
    TokenSpan tokens = tokenizer.tokenize(document);
    out.push_back(encode_tokens(query, &tokens, tokenizer, request.truncation, model_limit));
  }
  return out;
}

RerankResponse decode_rerank(const RerankRequest& request, const std::vector<Encoded>& encoded,
                             const std::vector<Output>& outputs) {
  RerankResponse response;
  for (size_t i = 0; i < encoded.size(); ++i) {
    RerankResult result{.index = static_cast<int>(i), .score = 0, .error = encoded[i].error};
    if (!result.error) {
      const float logit = outputs[i].at(0);
      if (!std::isfinite(logit))
        fail(Code::kInternal, "rerank: document ", i, " has the score ", logit);
      result.score = request.raw_scores ? logit : sigmoid(logit);
    }
    response.results.push_back(std::move(result));
  }
  // By logit, not by sigmoid: that one is 1 for all large logits.
  std::stable_sort(response.results.begin(), response.results.end(),
                   [&](const RerankResult& a, const RerankResult& b) {
                     if (a.error || b.error) return !a.error && b.error;
                     return outputs[a.index][0] > outputs[b.index][0];
                   });
  const auto scored = std::count_if(response.results.begin(), response.results.end(),
                                    [](const RerankResult& r) { return !r.error; });
  if (request.top_n > 0 && request.top_n < scored)
    response.results.erase(response.results.begin() + request.top_n,
                           response.results.begin() + scored);
  return response;
}

}  // namespace winnow
