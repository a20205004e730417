#include "http/embed_route.h"

#include "http/body.h"

namespace winnow {
namespace {

std::vector<std::vector<float>> embed(const HttpRequest& http, const Service& service, Work& work,
                                      TeiEmbed want) {
  work.batch = want.batch;
  work.inputs = want.request.inputs.size();
  Engine& engine = service.models.choose(Need::kEmbed, want.model, UnknownModel::kDefault, work);
  want.request.prompt = prompt_of(engine.info(), want.prompt_name);
  return engine.embed(want.request, http.call, &work.times);
}

}  // namespace

EmbedInputs embed_inputs(const Json& value, std::string_view field, const ServerOptions& options) {
  EmbedInputs out;
  if (value.is_string()) {
    out.inputs.emplace_back(std::string(value.string()));
    return out;
  }
  require(value.is_array(), value.path(), ": want a string or an array, got ", value.kind());
  check_batch(field, value.size(), std::numeric_limits<int>::max());
  if (value[0].is_number()) {
    out.inputs.emplace_back(token_ids(value, /*may_be_empty=*/false));
    return out;
  }
  check_batch(field, value.size(), options.max_client_batch_size);
  out.batch = true;
  out.inputs.reserve(value.size());
  for (size_t i = 0; i < value.size(); ++i) {
    const Json input = value[i];
    if (input.is_array())
      out.inputs.emplace_back(token_ids(input, /*may_be_empty=*/false));
    else
      out.inputs.emplace_back(std::string(input.string()));
  }
  return out;
}

TeiEmbed parse_tei_embed(const Json& body, const ServerOptions& options) {
  TeiEmbed want;
  EmbedInputs inputs = embed_inputs(body.at("inputs"), "inputs", options);
  want.request.inputs = std::move(inputs.inputs);
  want.batch = inputs.batch;
  want.request.truncation = truncation_of(body, options.auto_truncate);
  want.request.normalize = body.boolean("normalize", true);
  want.request.dimensions = int_member(body, "dimensions", 1, std::numeric_limits<int>::max(), 0);
  want.prompt_name = body.string("prompt_name", "");
  want.model = body.string("model", "");
  return want;
}

std::string vectors_json(const std::vector<std::vector<float>>& vectors) {
  JsonWriter json;
  json.begin_array();
  for (const std::vector<float>& vector : vectors) {
    json.begin_array();
    for (const float value : vector) json.value(value);
    json.end_array();
  }
  return json.end_array().take();
}

HttpResponse post_embed(const HttpRequest& http, const Service& service, Work& work) {
  TeiEmbed want = parse_tei_embed(parse_body(http.body), service.options);
  return ok(vectors_json(embed(http, service, work, std::move(want))));
}

TeiEmbed parse_similarity(const Json& body, const ServerOptions& options) {
  const Json inputs = body.at("inputs");
  require(inputs.is_object(), inputs.path(),
          ": want an object with source_sentence and sentences, got ", inputs.kind());
  TeiEmbed want;
  const Json sentences = inputs.at("sentences");
  require(sentences.is_array(), sentences.path(), ": want an array, got ", sentences.kind());
  check_batch("sentences", sentences.size(), options.max_client_batch_size);
  want.request.inputs.emplace_back(std::string(inputs.string("source_sentence")));
  for (std::string& sentence : strings_of(sentences))
    want.request.inputs.emplace_back(std::move(sentence));
  want.batch = true;
  want.model = body.string("model", "");
  want.request.truncation.enabled = options.auto_truncate;
  if (const auto parameters = body.find("parameters")) {
    want.request.truncation = truncation_of(*parameters, options.auto_truncate);
    want.prompt_name = parameters->string("prompt_name", "");
  }
  return want;
}

std::string similarity_json(const std::vector<std::vector<float>>& vectors) {
  JsonWriter json;
  json.begin_array();
  for (size_t i = 1; i < vectors.size(); ++i) json.value(cosine(vectors[0], vectors[i]));
  return json.end_array().take();
}

HttpResponse post_similarity(const HttpRequest& http, const Service& service, Work& work) {
  TeiEmbed want = parse_similarity(parse_body(http.body), service.options);
  return ok(similarity_json(embed(http, service, work, std::move(want))));
}

}  // namespace winnow
