// Reranking with a cross-encoder: a query and documents to pairs, logits to sorted scores. Pure
// functions.
#pragma once

#include <string>
#include <vector>

#include "tasks/sequence.h"

namespace winnow {

struct RerankRequest {
  std::string query;
  std::vector<std::string> documents;
  Truncation truncation;
  bool raw_scores = false;  // true: the logit; false: its sigmoid
  int top_n = 0;            // 0: all
};

struct RerankResult {
  int index = 0;    // of the document in the request
  float score = 0;  // meaningless when there is an error
  std::optional<InputError> error;
};

struct RerankResponse {
  std::vector<RerankResult>
      results;  // by descending score, ties by index; refused documents last, by index
};

// One Encoded a document, in the request's order. The query is tokenized once. A document that is
// empty, not UTF-8, or too long with truncation off has an error and no sequence; a bad query
// throws (kEmpty, kTokenizer, kTooLong). model_limit: the longest sequence that the model takes, in
// tokens.
std::vector<Encoded> encode_rerank(const RerankRequest& request, const Tokenizer& tokenizer,
                                   int model_limit);

// outputs[i]: the single logit of document i; ignored where encoded[i] has an error.
// Throws kInternal when a logit is not finite.
RerankResponse decode_rerank(const RerankRequest& request, const std::vector<Encoded>& encoded,
                             const std::vector<Output>& outputs);

// 1 / (1 + exp(-x)).
float sigmoid(float x);

}  // namespace winnow
