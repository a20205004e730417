// POST /predict, as Text Embeddings Inference has it. Source: its OpenAPI page; docs/http_api.md,
// "TEI".
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "http/route.h"
#include "tasks/classify.h"

namespace winnow {

struct TeiPredict {
  ClassifyRequest request;
  bool batch = false;
  std::string model;
};

// `inputs`: a text; a flat list of one or two strings, which is one text or one pair, not a batch;
// or a batch of such lists.
TeiPredict parse_tei_predict(const Json& body, const ServerOptions& options);

// [{"score", "label"}...] by descending score; for a batch a list of such lists.
std::string tei_predict_json(const TeiPredict& want,
                             const std::vector<std::vector<LabelScore>>& scores,
                             const std::vector<std::string>& labels);

HttpResponse post_predict(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
