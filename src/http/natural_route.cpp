#include "http/natural_route.h"

#include "http/body.h"
#include "http/embed_route.h"
#include "http/predict_route.h"
#include "http/rerank_route.h"

namespace winnow {

NaturalRoute natural_route(const Json& body, ModelKind kind) {
  if (body.find("query")) return NaturalRoute::kRerank;
  const auto inputs = body.find("inputs");
  if (inputs && inputs->is_object()) return NaturalRoute::kSimilarity;
  if (kind == ModelKind::kEmbedder) return NaturalRoute::kEmbed;
  // Without inputs a reranker's client has forgotten its query, and /rerank says so.
  return kind == ModelKind::kReranker && !inputs ? NaturalRoute::kRerank : NaturalRoute::kPredict;
}

HttpResponse post_natural(const HttpRequest& http, const Service& service, Work& work) {
  const Json body = parse_body(http.body);
  const Engine& engine = service.models.choose(Need::kTokenize, body.string("model", ""),
                                               UnknownModel::kDefault, work);
  work.warnings.clear();  // the route chosen says it again
  switch (natural_route(body, engine.info().kind)) {
    case NaturalRoute::kRerank:
      return post_rerank(http, service, work);
    case NaturalRoute::kSimilarity:
      return post_similarity(http, service, work);
    case NaturalRoute::kPredict:
      return post_predict(http, service, work);
    case NaturalRoute::kEmbed:
      return post_embed(http, service, work);
  }
  fail(Code::kInternal, "natural_route: no such route");
}

}  // namespace winnow
