#include "http/info_route.h"

#include "base/json.h"
#include "base/thread_pool.h"

namespace winnow {
namespace {

void append_model_type(JsonWriter& json, const ModelInfo& model) {
  json.begin_object();
  if (model.kind == ModelKind::kEmbedder) {
    json.key("embedding").begin_object().member("pooling", model.pooling).end_object();
  } else if (model.kind == ModelKind::kGenerator) {
    json.key("generator").begin_object().member("chat", model.chat).end_object();
  } else {
    json.key(model.kind == ModelKind::kReranker ? "reranker" : "classifier").begin_object();
    json.key("id2label").begin_object();
    for (size_t i = 0; i < model.labels.size(); ++i)
      json.member(std::to_string(i), model.labels[i]);
    json.end_object().key("label2id").begin_object();
    for (size_t i = 0; i < model.labels.size(); ++i)
      json.member(model.labels[i], static_cast<int64_t>(i));
    json.end_object().end_object();
  }
  json.end_object();
}

}  // namespace

std::string tei_info_json(const ModelInfo& model, const ServerOptions& options) {
  JsonWriter json;
  json.begin_object().member("model_id", model.name);
  json.key("model_sha").null();
  json.member("model_dtype", model.dtype == "f32" ? "float32" : model.dtype);
  json.member("served_model_name", model.name);
  json.key("model_type");
  append_model_type(json, model);
  json.member("max_concurrent_requests", options.max_concurrent_requests)
      .member("max_input_length", model.max_length)
      .member("max_batch_tokens", model.max_batch_tokens);
  json.key("max_batch_requests").null();
  json.member("max_client_batch_size", options.max_client_batch_size)
      .member("auto_truncate", options.auto_truncate)
      .member("tokenization_workers", usable_cpus())
      .member("version", WINNOW_VERSION);
  json.key("sha").null();
  json.key("docker_label").null();
  return json.end_object().take();
}

HttpResponse get_info(const HttpRequest&, const Service& service, Work&) {
  return ok(tei_info_json(*service.models.infos().front(), service.options));
}

}  // namespace winnow
