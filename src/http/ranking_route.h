// POST /v1/rerank and /v2/rerank, as Cohere and Jina have them, in one answer that clients of both
// read. Source: both services' API references; docs/http_api.md, "Cohere and Jina".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "http/route.h"
#include "tasks/rerank.h"

namespace winnow {

enum class RankingVersion { kV1, kV2 };

struct Ranking {
  RerankRequest request;
  std::vector<std::string>
      ids;  // a document's `id` as JSON, empty where it has none; empty when none has
  bool return_documents = false;
  std::string model;  // empty: the default
};

// Documents are strings, or objects with `text` (or the fields that `rank_fields` names) and an
// optional `id`. Throws kInvalidArgument and kEmpty, kUnsupported for an unknown field in strict
// mode.
Ranking parse_ranking(const Json& body, RankingVersion version, const ServerOptions& options);

// Throws the first refused document's error, naming its index: here a bad document fails the
// request.
std::string ranking_json(const Ranking& want, const RerankResponse& response, const Work& work,
                         RankingVersion version, const std::string& id);

// The same as SGLang has it: [{"score", "document", "index", "meta_info"}], the best first.
// meta_info has the answer's id, and the `id` that a document came with as document_id. Throws as
// ranking_json.
std::string sglang_json(const Ranking& want, const RerankResponse& response, const std::string& id);

HttpResponse post_v1_rerank(const HttpRequest& http, const Service& service, Work& work);
HttpResponse post_v2_rerank(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
