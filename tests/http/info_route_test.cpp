#include "http/info_route.h"

#include <doctest/doctest.h>

#include "base/json.h"

namespace winnow {
namespace {

TEST_CASE("info has every field of TEI's") {
  ModelInfo model{};
  model.name = "m";
  model.kind = ModelKind::kReranker;
  model.dtype = "f32";
  model.labels = {"LABEL_0"};
  model.max_length = 512;
  model.max_batch_tokens = 16384;
  const std::string text = tei_info_json(model, {});
  const Json info = Json::parse(text, "info");
  CHECK(info.string("model_id") == "m");
  CHECK(info.string("served_model_name") == "m");
  CHECK(info.string("model_dtype") == "float32");
  CHECK(info.integer("max_concurrent_requests") == 512);
  CHECK(info.integer("max_input_length") == 512);
  CHECK(info.integer("max_batch_tokens") == 16384);
  CHECK(info.integer("max_client_batch_size") == 10'000);
  CHECK(info.boolean("auto_truncate"));
  CHECK(info.integer("tokenization_workers") >= 1);
  CHECK_FALSE(info.string("version").empty());
  for (const char* null : {"model_sha", "sha", "docker_label", "max_batch_requests"})
    CHECK(text.find(cat('"', null, "\":null")) != text.npos);
}

TEST_CASE("info's model type is an object with one key") {
  ModelInfo model{};
  model.labels = {"no", "yes"};
  model.pooling = "cls";
  const auto type = [&](ModelKind kind) {
    model.kind = kind;
    const std::string text = tei_info_json(model, {});
    const size_t start = text.find("\"model_type\":") + 13;
    return text.substr(start, text.find(",\"max_concurrent") - start);
  };
  CHECK(type(ModelKind::kEmbedder) == R"({"embedding":{"pooling":"cls"}})");
  const std::string labels = R"({"id2label":{"0":"no","1":"yes"},"label2id":{"no":0,"yes":1}}})";
  CHECK(type(ModelKind::kClassifier) == R"({"classifier":)" + labels);
  CHECK(type(ModelKind::kReranker) == R"({"reranker":)" + labels);
}

}  // namespace
}  // namespace winnow
