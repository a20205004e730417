// POST /embed_sparse and /embed_all, as Text Embeddings Inference has them: what a text's tokens
// say rather than the text as a whole. Source: its OpenAPI page; docs/http_api.md, "TEI".
#pragma once

#include <string>
#include <vector>

#include "http/route.h"
#include "tasks/embed.h"

namespace winnow {

// [[{"index": token id, "value": weight}...]...], an array an input, by id.
std::string sparse_json(const std::vector<Embedding>& embeddings);

// [[[value...]...]...], an array a token: its own vectors where the model was trained for late
// interaction, else the last hidden states.
std::string tokens_json(const std::vector<Embedding>& embeddings);

HttpResponse post_embed_sparse(const HttpRequest& http, const Service& service, Work& work);
HttpResponse post_embed_all(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
