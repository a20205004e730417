#include "tasks/rank.h"

#include <algorithm>
#include <cmath>

namespace winnow {

std::vector<Window> windows_of(const RerankRequest& request, int length, int room) {
  if (request.long_documents.max_chunks <= 1 || room < 1) return {};
  std::vector<Window> out = windows(length, room, request.long_documents, request.truncation.side);
  const bool all = out.front().begin == 0 && out.back().end == length;
  if (!request.truncation.enabled && !all) out.clear();
  return out;
}

RerankResponse rank(const RerankRequest& request, std::span<const Encoded> encoded,
                    const std::vector<float>& scores, bool as_sigmoid) {
  RerankResponse response;
  for (size_t i = 0; i < encoded.size(); ++i) {
    const Encoded& e = encoded[i];
    const float s = e.error ? 0.0f : scores[i];
    if (!std::isfinite(s))
      fail(Code::kInternal, "rerank: document ", e.input, " has the score ", s);
    if (e.window == 0)
      response.results.push_back({.index = e.input, .score = s, .window = 0, .error = e.error});
    else if (RerankResult& best = response.results.back(); s > best.score)
      best.score = s, best.window = e.window;
  }
  // By logit, not by sigmoid: that one is 1 for all large logits.
  std::stable_sort(response.results.begin(), response.results.end(),
                   [](const RerankResult& a, const RerankResult& b) {
                     if (a.error || b.error) return !a.error && b.error;
                     return a.score > b.score;
                   });
  for (RerankResult& result : response.results)
    if (!result.error && as_sigmoid) result.score = sigmoid(result.score);
  const auto scored = std::count_if(response.results.begin(), response.results.end(),
                                    [](const RerankResult& r) { return !r.error; });
  if (request.top_n > 0 && request.top_n < scored)
    response.results.erase(response.results.begin() + request.top_n,
                           response.results.begin() + scored);
  return response;
}

}  // namespace winnow
