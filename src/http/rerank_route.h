// POST /rerank, as Text Embeddings Inference has it. Source: its OpenAPI page; docs/http_api.md,
// "TEI".
#pragma once

#include <string>

#include "base/json.h"
#include "http/route.h"
#include "tasks/rerank.h"

namespace winnow {

struct TeiRerank {
  RerankRequest request;
  bool return_text = false;
  std::string model;  // empty: the default
};

// Throws kInvalidArgument and kEmpty, naming the field.
TeiRerank parse_tei_rerank(const Json& body, const ServerOptions& options);

// [{"index", "score", "text" where asked}...] by descending score; then, for each refused text,
// {"index", "error", "error_type"}.
std::string tei_rerank_json(const TeiRerank& want, const RerankResponse& response);

// Answers 422 when every text was refused.
HttpResponse post_rerank(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
