// POST / and /invocations: the model's natural route, as Text Embeddings Inference has it, decided
// by the body's shape first, because one server may hold several models. docs/http_api.md, "TEI".
#pragma once

#include "base/json.h"
#include "http/route.h"

namespace winnow {

enum class NaturalRoute { kRerank, kSimilarity, kPredict, kEmbed };

// A query asks for a ranking, an object of sentences for similarities; plain inputs are for the
// model to say.
NaturalRoute natural_route(const Json& body, ModelKind kind);

HttpResponse post_natural(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
