#include "tasks/rerank.h"

#include <algorithm>
#include <cmath>

#include "tasks/rank.h"

namespace winnow {
namespace {

TokenSpan query_tokens(const RerankRequest& request, const Tokenizer& tokenizer) {
  if (const auto error = refuse_text(request.query)) fail(error->code, "query: ", error->message);
  TokenSpan query = tokenizer.tokenize(request.query);
  keep(query, request.long_documents.max_query_tokens, request.truncation.side);
  return query;
}

// A document's tokens, capped.
TokenSpan document_tokens(const RerankRequest& request, const std::string& document,
                          const Tokenizer& tokenizer) {
  TokenSpan tokens = tokenizer.tokenize(document);
  keep(tokens, request.long_documents.max_document_tokens, request.truncation.side);
  return tokens;
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
  each_document(request, out, [&](const std::string& document) {
    TokenSpan tokens = document_tokens(request, document, tokenizer);
    const auto room = free - static_cast<int>(short_query.ids.size());
    std::vector<Window> cut;
    if (static_cast<int>(query.ids.size() + tokens.ids.size()) > free)
      cut = windows_of(request, static_cast<int>(tokens.ids.size()), room);
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
  std::vector<float> logits(encoded.size());
  for (size_t i = 0; i < encoded.size(); ++i)
    if (!encoded[i].error) logits[i] = outputs[i].at(0);
  return rank(request, encoded, logits, !request.raw_scores);
}

std::vector<Encoded> encode_late(const RerankRequest& request, const LateForm& form,
                                 const Tokenizer& tokenizer, int model_limit) {
  const int room = late_room(form, TextSide::kDocument, tokenizer, request.truncation, model_limit);
  std::vector<Encoded> out;
  out.reserve(request.documents.size() + 1);
  out.push_back(encode_side(query_tokens(request, tokenizer), TextSide::kQuery, form, tokenizer,
                            request.truncation, model_limit));
  if (out[0].error) fail(out[0].error->code, "query: ", out[0].error->message);
  each_document(request, out, [&](const std::string& document) {
    TokenSpan tokens = document_tokens(request, document, tokenizer);
    std::vector<Window> cut;
    if (static_cast<int>(tokens.ids.size()) > room)
      cut = windows_of(request, static_cast<int>(tokens.ids.size()), room);
    if (cut.empty()) cut.push_back({0, static_cast<int>(tokens.ids.size())});
    for (const Window window : cut)
      out.push_back(encode_side(slice(tokens, window), TextSide::kDocument, form, tokenizer,
                                request.truncation, model_limit));
  });
  for (Encoded& e : out) e.sequence.outputs = Sequence::kMulti;
  return out;
}

RerankResponse decode_late(const RerankRequest& request, const LateForm& form,
                           const std::vector<Encoded>& encoded, const LateOutputs& made) {
  const auto vectors = [&](size_t i, TextSide side) {
    return vectors_of(made.outputs[i].data(), made.ids[i], side, form, made.dimensions);
  };
  const TokenVectors query = vectors(0, TextSide::kQuery);
  std::vector<float> scores(encoded.size() - 1);
  for (size_t i = 0; i < scores.size(); ++i)
    if (!encoded[i + 1].error) scores[i] = maxsim(query, vectors(i + 1, TextSide::kDocument));
  return rank(request, std::span(encoded).subspan(1), scores, false);
}

}  // namespace winnow
