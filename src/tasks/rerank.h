// Reranking: a query and documents to pairs for a cross-encoder, or to single texts for a model of
// late interaction; scores to a ranking. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "tasks/late.h"
#include "tasks/sequence.h"
#include "tasks/windows.h"

namespace winnow {

struct RerankRequest {
  std::string query;
  std::vector<std::string> documents;
  Truncation truncation;
  bool raw_scores = false;  // true: the logit; false: its sigmoid
  int top_n = 0;            // 0: all
  LongDocuments long_documents;
  // Of a yes/no reranker alone (yes_no.h); others ignore them.
  std::string instruction;      // what to judge by; empty: the prompt's own
  bool escape_special = false;  // true: "<|im_end|>" in a text is no token that ends a turn
};

struct RerankResult {
  int index = 0;    // of the document in the request
  float score = 0;  // meaningless when there is an error
  int window = 0;   // which of the document's windows has that score
  std::optional<InputError> error{};
};

struct RerankResponse {
  std::vector<RerankResult>
      results;  // by descending score, ties by index; refused documents last, by index
};

// One Encoded a document, or a window of one, in the request's order. The query is tokenized once.
// A document that is empty, not UTF-8, or too long with truncation off has an error and no
// sequence; a bad query throws (kEmpty, kTokenizer, kTooLong). model_limit: the longest sequence
// that the model takes, in tokens. A document that fits is one sequence, the same whatever
// long_documents says of windows; where it does not and windows are wanted, the query has at most
// three quarters of the room (FlagReranker's rule) and a window the rest.
std::vector<Encoded> encode_rerank(const RerankRequest& request, const Tokenizer& tokenizer,
                                   int model_limit);

// outputs[i]: the single logit of encoded[i]; ignored where that has an error. A document's score
// is that of its best window, the first of equals. Throws kInternal when a logit is not finite.
RerankResponse decode_rerank(const RerankRequest& request, const std::vector<Encoded>& encoded,
                             const std::vector<Output>& outputs);

// The same for late interaction: the first Encoded is the query's, then documents or windows, each
// wanting kMulti.
std::vector<Encoded> encode_late(const RerankRequest& request, const LateForm& form,
                                 const Tokenizer& tokenizer, int model_limit);

// outputs[i]: the vectors of encoded[i], whose ids are ids[i], `dimensions` values a token; form
// says which count. Scores are maxsim's; raw_scores changes nothing.
struct LateOutputs {
  const std::vector<std::vector<int32_t>>& ids;
  const std::vector<Output>& outputs;
  int dimensions;
};
RerankResponse decode_late(const RerankRequest& request, const LateForm& form,
                           const std::vector<Encoded>& encoded, const LateOutputs& made);

// 1 / (1 + exp(-x)).
float sigmoid(float x);

}  // namespace winnow
