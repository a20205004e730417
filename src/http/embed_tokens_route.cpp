#include "http/embed_tokens_route.h"

#include "base/json.h"
#include "http/body.h"
#include "http/embed_route.h"

namespace winnow {
namespace {

// outputs(model): what is wanted of that model.
template <typename Outputs>
std::vector<Embedding> embed(const HttpRequest& http, const Service& service, Work& work, Need need,
                             Outputs outputs) {
  TeiEmbed want = parse_tei_embed(parse_body(http.body), service.options);
  work.batch = want.batch;
  work.inputs = want.request.inputs.size();
  Engine& engine = service.models.choose(need, want.model, UnknownModel::kDefault, work);
  want.request.prompt = prompt_of(engine.info(), want.prompt_name);
  want.request.side = side_of(engine.info(), want.prompt_name);
  want.request.outputs = outputs(engine.info());
  return engine.embed_outputs(want.request, http.call, &work.times);
}

}  // namespace

std::string sparse_json(const std::vector<Embedding>& embeddings) {
  JsonWriter json;
  json.begin_array();
  for (const Embedding& embedding : embeddings) {
    json.begin_array();
    for (const SparseWeight& weight : embedding.sparse)
      json.begin_object().member("index", weight.id).member("value", weight.weight).end_object();
    json.end_array();
  }
  return json.end_array().take();
}

std::string tokens_json(const std::vector<Embedding>& embeddings) {
  JsonWriter json;
  json.begin_array();
  for (const Embedding& embedding : embeddings) {
    const TokenVectors& vectors =
        embedding.multi.dimensions > 0 ? embedding.multi : embedding.hidden;
    json.begin_array();
    for (int64_t i = 0; i < vectors.count(); ++i) {
      json.begin_array();
      for (int c = 0; c < vectors.dimensions; ++c)
        json.value(vectors.values[i * vectors.dimensions + c]);
      json.end_array();
    }
    json.end_array();
  }
  return json.end_array().take();
}

HttpResponse post_embed_sparse(const HttpRequest& http, const Service& service, Work& work) {
  return ok(sparse_json(embed(http, service, work, Need::kSparse, [](const ModelInfo&) {
    return static_cast<uint8_t>(Sequence::kSparse);
  })));
}

HttpResponse post_embed_all(const HttpRequest& http, const Service& service, Work& work) {
  return ok(tokens_json(embed(http, service, work, Need::kEmbed, [](const ModelInfo& model) {
    return static_cast<uint8_t>(model.multi_dimensions > 0 ? Sequence::kMulti : Sequence::kHidden);
  })));
}

}  // namespace winnow
