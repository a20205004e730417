// POST /embed and /similarity, as Text Embeddings Inference has them, and the `inputs` that they
// share with OpenAI's. Source: its OpenAPI page; docs/http_api.md, "TEI".
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "http/route.h"
#include "tasks/embed.h"

namespace winnow {

struct EmbedInputs {
  std::vector<EmbedInput> inputs;
  bool batch = false;  // it was a list of inputs
};

// A text; a list of texts and lists of ids, mixed; or one list of ids. `field` names it in errors.
EmbedInputs embed_inputs(const Json& value, std::string_view field, const ServerOptions& options);

struct TeiEmbed {
  EmbedRequest request;  // its prompt is for the handler to fill: it is the model's
  bool batch = false;
  std::string prompt_name, model;
};

TeiEmbed parse_tei_embed(const Json& body, const ServerOptions& options);
std::string vectors_json(const std::vector<std::vector<float>>& vectors);  // [[...]...]
HttpResponse post_embed(const HttpRequest& http, const Service& service, Work& work);

// The first input is the source sentence.
TeiEmbed parse_similarity(const Json& body, const ServerOptions& options);
std::string similarity_json(const std::vector<std::vector<float>>& vectors);  // [cosine...]
HttpResponse post_similarity(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
