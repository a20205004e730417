// POST /score and /v1/score, as vLLM has them: pairs of texts, and a score for each. Source: its
// protocol of scoring; docs/http_api.md, "vLLM's scores".
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "http/route.h"
#include "tasks/rerank.h"

namespace winnow {

struct Score {
  // One request a query, its documents being its pairs' second texts.
  std::vector<RerankRequest> requests;
  std::vector<std::pair<size_t, size_t>> pairs;  // request and document of each pair, as asked for
  std::string second;                            // the second texts' field, for errors
  std::string model;                             // empty: the default
};

// The texts are in text_1 and text_2, queries and documents, queries and items, or data_1 and
// data_2: strings or lists of them. A single first text goes with every second one; else there are
// as many of each. Throws kInvalidArgument and kEmpty, naming the field.
Score parse_score(const Json& body, const ServerOptions& options);

// responses[i] answers requests[i]. Throws the first refused text's error, naming its index.
std::string score_json(const Score& want, const std::vector<RerankResponse>& responses,
                       const Work& work, const std::string& id, int64_t created_s);

HttpResponse post_score(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
