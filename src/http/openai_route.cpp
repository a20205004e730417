#include "http/openai_route.h"

#include <limits>

#include "http/base64.h"
#include "http/body.h"

namespace winnow {
namespace {

constexpr std::string_view kModels = "/v1/models";

}  // namespace

OpenaiEmbeddings parse_openai_embeddings(const Json& body, const ServerOptions& options) {
  OpenaiEmbeddings want;
  EmbedInputs inputs = embed_inputs(body.at("input"), "input", options);
  want.request.inputs = std::move(inputs.inputs);
  want.batch = inputs.batch;
  want.request.truncation.enabled = options.auto_truncate;
  want.request.dimensions = int_member(body, "dimensions", 1, std::numeric_limits<int>::max(), 0);
  const std::string format = body.string("encoding_format", "float");
  require(format == "float" || format == "base64", "`encoding_format`: want float or base64, got ",
          format);
  want.base64 = format == "base64";
  want.model = body.string("model", "");
  want.prompt_name = body.string("prompt_name", "");
  want.input_type = body.string("input_type", "");
  return want;
}

std::string openai_embeddings_json(const OpenaiEmbeddings& want,
                                   const std::vector<std::vector<float>>& vectors,
                                   const Work& work) {
  JsonWriter json;
  json.begin_object().member("object", "list");
  json.key("data").begin_array();
  for (size_t i = 0; i < vectors.size(); ++i) {
    json.begin_object().member("object", "embedding").member("index", static_cast<int64_t>(i));
    json.key("embedding");
    if (want.base64) {
      json.value(base64_floats(vectors[i]));
    } else {
      json.begin_array();
      for (const float value : vectors[i]) json.value(value);
      json.end_array();
    }
    json.end_object();
  }
  json.end_array();
  if (work.model) json.member("model", work.model->name);
  json.key("usage")
      .begin_object()
      .member("prompt_tokens", work.times.tokens)
      .member("total_tokens", work.times.tokens)
      .end_object();
  return json.end_object().take();
}

HttpResponse post_openai_embeddings(const HttpRequest& http, const Service& service, Work& work) {
  OpenaiEmbeddings want = parse_openai_embeddings(parse_body(http.body), service.options);
  work.batch = want.batch;
  work.inputs = want.request.inputs.size();
  Engine& engine = service.models.choose(Need::kEmbed, want.model, UnknownModel::kNotFound, work);
  want.request.prompt =
      prompt_of(engine.info(), want.prompt_name.empty() ? prompt_for(engine.info(), want.input_type)
                                                        : want.prompt_name);
  const auto vectors = engine.embed(want.request, http.call, &work.times);
  return ok(openai_embeddings_json(want, vectors, work));
}

std::string model_card_json(const ModelInfo& model, int64_t created_s) {
  JsonWriter json;
  json.begin_object()
      .member("id", model.name)
      .member("object", "model")
      .member("created", created_s)
      .member("owned_by", "winnow")
      .member("root", model.name);
  json.key("parent").null();
  json.member("max_model_len", model.max_length);
  json.key("permission").begin_array().end_array();
  return json.end_object().take();
}

HttpResponse get_models(const HttpRequest&, const Service& service, Work&) {
  JsonWriter json;
  json.begin_object().member("object", "list").key("data").begin_array();
  for (const ModelInfo* model : service.models.infos())
    json.raw(model_card_json(*model, service.started_s));
  return ok(json.end_array().end_object().take());
}

HttpResponse get_model(const HttpRequest& http, const Service& service, Work& work) {
  const std::string name = http.path.substr(kModels.size() + 1);
  service.models.choose(Need::kTokenize, name, UnknownModel::kNotFound, work);
  return ok(model_card_json(*work.model, service.started_s));
}

}  // namespace winnow
