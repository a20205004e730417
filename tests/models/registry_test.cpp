// What a checkpoint must say, and what is said when it does not.
#include "models/registry.h"

#include <doctest/doctest.h>

#include <string>

#include "base/error.h"
#include "base/mapped_file.h"
#include "ops/cpu/cpu_kernels.h"

using namespace winnow;

namespace {

const std::string kFolder = std::string(WINNOW_TEST_DATA) + "/tiny-bert-reranker";

std::string config_text() {
  return std::string(MappedFile::open(kFolder + "/config.json")->text());
}

// The config with one value replaced: from must occur.
std::string with(const std::string& from, const std::string& to) {
  std::string text = config_text();
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.substr(0, at) + to + text.substr(at + from.size());
}

Network build(const std::string& config, std::vector<Pooling> pooling = {},
              DType dtype = DType::f32) {
  const auto checkpoint = Checkpoint::open_folder(kFolder);
  EmbedderParts parts;
  if (!pooling.empty()) parts.modules = {{.kind = Module::Kind::kPooling, .pooling = pooling}};
  return build_network(Json::parse(config, "config.json"), parts,
                       Weights(checkpoint, cpu_kernels(best_isa()), dtype));
}

std::string message_of(const std::string& config) {
  try {
    build(config);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a classifier's labels, width and limits come from its checkpoint") {
  const Network network = build(config_text());
  CHECK(network.classifier);
  CHECK(network.architecture == "BertForSequenceClassification");
  CHECK(network.labels.size() == 1);
  CHECK(network.head->width() == 1);
  CHECK(network.model->hidden_size() == 64);
  CHECK(network.model->type_count() == 2);
}

TEST_CASE("an unknown architecture is an error that names it and those that there are") {
  const std::string message = message_of(with("BertForSequenceClassification", "MambaForCausalLM"));
  CHECK(message.starts_with(
      "config.json: architectures: want one of BertForSequenceClassification, BertModel, "));
  CHECK(message.ends_with(", got MambaForCausalLM"));
}

TEST_CASE("keys that are missing, and values that BERT does not have here, are named") {
  CHECK(message_of(with("\"num_attention_heads\"", "\"num_heads\"")) ==
        "config.json: missing key `num_attention_heads`");
  CHECK(message_of(with("\"gelu\"", "\"mish\""))
            .find("hidden_act: want gelu, gelu_new, gelu_pytorch_tanh or relu, got mish") !=
        std::string::npos);
  CHECK(message_of(with("\"num_attention_heads\": 4", "\"num_attention_heads\": 5"))
            .find("a divisor of the hidden size 64, got 5") != std::string::npos);
}

TEST_CASE("a layer that the checkpoint lacks is a missing tensor, by name and file") {
  const std::string message =
      message_of(with("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4"));
  CHECK(message.find(
            "model.safetensors: missing tensor `encoder.layer.3.attention.self.query.weight`") !=
        std::string::npos);
}

TEST_CASE("an embedder must be told how to pool when its folder does not say") {
  const std::string config = with("BertForSequenceClassification", "BertModel");
  CHECK(message_of(config).find("choose pooling cls or mean") != std::string::npos);
  CHECK(build(config, {Pooling::kMean}).head->rows() == Rows::kAll);
  CHECK(build(config, {Pooling::kCls}).head->rows() == Rows::kFirst);
}
