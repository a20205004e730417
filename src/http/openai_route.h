// POST /v1/embeddings and /embeddings, GET /v1/models and /v1/models/NAME, as OpenAI has them.
// Source: its API reference; docs/http_api.md, "OpenAI".
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "http/embed_route.h"
#include "http/route.h"

namespace winnow {

struct OpenaiEmbeddings {
  EmbedRequest request;  // truncates as the server's options say, always normalises
  bool batch = false;
  bool base64 = false;  // the official Python client asks for it when its caller says nothing
  std::string model;
  std::string prompt_name, input_type;  // empty: the model's default prompt
};

// Throws kInvalidArgument and kEmpty, naming the field.
OpenaiEmbeddings parse_openai_embeddings(const Json& body, const ServerOptions& options);
std::string openai_embeddings_json(const OpenaiEmbeddings& want,
                                   const std::vector<std::vector<float>>& vectors,
                                   const Work& work);
HttpResponse post_openai_embeddings(const HttpRequest& http, const Service& service, Work& work);

// {"id", "object": "model", "created", ...} of one model.
std::string model_card_json(const ModelInfo& model, int64_t created_s);
HttpResponse get_models(const HttpRequest& http, const Service& service, Work& work);

// Throws kNotFound for a name that no model has.
HttpResponse get_model(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
