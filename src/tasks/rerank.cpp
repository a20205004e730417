#include "tasks/rerank.h"

#include <algorithm>
#include <cmath>

namespace winnow {
namespace {

TokenSpan query_tokens(const RerankRequest& request, const Tokenizer& tokenizer) {
  if (const auto error = refuse_text(request.query)) fail(error->code, "query: ", error->message);
  TokenSpan query = tokenizer.tokenize(request.query);
  keep(query, request.long_documents.max_query_tokens, request.truncation.side);
  return query;
}

// Each document's tokens through encode(tokens), which appends what they become; what cannot be
// tokenized is an error of its document.
template <typename Encode>
void each_document(const RerankRequest& request, const Tokenizer& tokenizer,
                   std::vector<Encoded>& out, Encode encode) {
  for (size_t i = 0; i < request.documents.size(); ++i) {
    const size_t begin = out.size();
    if (auto error = refuse_text(request.documents[i])) {
      out.push_back({{}, std::move(error)});
    } else {
      TokenSpan tokens = tokenizer.tokenize(request.documents[i]);
      keep(tokens, request.long_documents.max_document_tokens, request.truncation.side);
      encode(std::move(tokens));
    }
    for (size_t at = begin; at < out.size(); ++at) {
      out[at].input = static_cast<int>(i);
      out[at].window = static_cast<int>(at - begin);
    }
  }
}

// The windows of tokens that do not fit into `room`: nothing when windows are not wanted, or would
// leave something out where that is an error.
std::vector<Window> windows_of(const RerankRequest& request, const TokenSpan& tokens, int room) {
  if (request.long_documents.max_chunks <= 1 || room < 1) return {};
  const auto length = static_cast<int>(tokens.ids.size());
  std::vector<Window> out = windows(length, room, request.long_documents, request.truncation.side);
  const bool all = out.front().begin == 0 && out.back().end == length;
  if (!request.truncation.enabled && !all) out.clear();
  return out;
}

// Sorts what scores give, best windows chosen: score(i) is encoded[i]'s, shown what it is called.
template <typename Score, typename Shown>
RerankResponse rank(const RerankRequest& request, std::span<const Encoded> encoded, Score score,
                    Shown shown) {
  RerankResponse response;
  for (size_t i = 0; i < encoded.size(); ++i) {
    const Encoded& e = encoded[i];
    const float s = e.error ? 0.0f : score(i);
    if (!std::isfinite(s))
      fail(Code::kInternal, "rerank: document ", e.input, " has the score ", s);
    if (e.window == 0)
      response.results.push_back({.index = e.input, .score = s, .error = e.error});
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
    if (!result.error) result.score = shown(result.score);
  const auto scored = std::count_if(response.results.begin(), response.results.end(),
                                    [](const RerankResult& r) { return !r.error; });
  if (request.top_n > 0 && request.top_n < scored)
    response.results.erase(response.results.begin() + request.top_n,
                           response.results.begin() + scored);
  return response;
}

}  // namespace

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

std::vector<Encoded> encode_rerank(const RerankRequest& request, const Tokenizer& tokenizer,
                                   int model_limit) {
  const TokenSpan query = query_tokens(request, tokenizer);
  const int limit = length_limit(request.truncation, model_limit);
  const int free = limit - tokenizer.special_tokens(true);  // for query and document
  TokenSpan short_query = query;
  keep(short_query, std::max(free * 3 / 4, 1), request.truncation.side);
  std::vector<Encoded> out;
  out.reserve(request.documents.size());
  each_document(request, tokenizer, out, [&](TokenSpan tokens) {
    const auto room = free - static_cast<int>(short_query.ids.size());
    std::vector<Window> cut;
    if (static_cast<int>(query.ids.size() + tokens.ids.size()) > free)
      cut = windows_of(request, tokens, room);
    if (cut.empty())
      return out.push_back(
          encode_tokens(query, &tokens, tokenizer, request.truncation, model_limit));
    for (const Window window : cut) {
      TokenSpan part = slice(tokens, window);
      out.push_back(encode_tokens(short_query, &part, tokenizer, request.truncation, model_limit));
    }
  });
  return out;
}

RerankResponse decode_rerank(const RerankRequest& request, const std::vector<Encoded>& encoded,
                             const std::vector<Output>& outputs) {
  return rank(
      request, encoded, [&](size_t i) { return outputs[i].at(0); },
      [&](float logit) { return request.raw_scores ? logit : sigmoid(logit); });
}

std::vector<Encoded> encode_late(const RerankRequest& request, const Tokenizer& tokenizer,
                                 int model_limit) {
  const int limit = length_limit(request.truncation, model_limit);
  const int free = limit - tokenizer.special_tokens(false);
  std::vector<Encoded> out;
  out.reserve(request.documents.size() + 1);
  out.push_back(encode_tokens(query_tokens(request, tokenizer), nullptr, tokenizer,
                              request.truncation, model_limit));
  if (out[0].error) fail(out[0].error->code, "query: ", out[0].error->message);
  each_document(request, tokenizer, out, [&](TokenSpan tokens) {
    std::vector<Window> cut;
    if (static_cast<int>(tokens.ids.size()) > free) cut = windows_of(request, tokens, free);
    if (cut.empty()) cut.push_back({0, static_cast<int>(tokens.ids.size())});
    for (const Window window : cut)
      out.push_back(encode_tokens(slice(tokens, window), nullptr, tokenizer, request.truncation,
                                  model_limit));
  });
  for (Encoded& e : out) e.sequence.outputs = Sequence::kMulti;
  return out;
}

RerankResponse decode_late(const RerankRequest& request, const std::vector<Encoded>& encoded,
                           const std::vector<Output>& outputs, int dimensions) {
  const auto vectors = [&](size_t i) {
    return vectors_after_first(outputs[i].data(),
                               static_cast<int64_t>(outputs[i].size()) / dimensions, dimensions);
  };
  const TokenVectors query = vectors(0);
  return rank(
      request, std::span(encoded).subspan(1),
      [&](size_t i) { return maxsim(query, vectors(i + 1)); }, [](float score) { return score; });
}

}  // namespace winnow
