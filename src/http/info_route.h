// GET /info, as Text Embeddings Inference has it. Source: its OpenAPI page; docs/http_api.md,
// "TEI".
#pragma once

#include <string>

#include "http/route.h"

namespace winnow {

std::string tei_info_json(const ModelInfo& model, const ServerOptions& options);

// Describes the first model: TEI serves one. /v1/models has them all.
HttpResponse get_info(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
