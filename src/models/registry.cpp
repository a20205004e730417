#include "models/registry.h"

#include <array>

#include "base/error.h"

namespace winnow {
namespace {

struct Row {
  std::string_view architecture;  // as transformers names the class
  std::unique_ptr<Model> (*model)(const Json&, const Weights&);
  std::unique_ptr<Head> (*classifier)(const Weights&);  // null: an embedder
};
constexpr std::array<Row, 2> kRows{{
    {"BertForSequenceClassification", make_bert, make_bert_classifier},
    {"BertModel", make_bert, nullptr},
}};

const Row& row_of(const Json& config) {
  const std::optional<Json> names = config.find("architectures");
  if (!names || !names->is_array() || names->size() == 0)
    fail(Code::kUnsupported, config.path(),
         "missing key `architectures`, which says what the checkpoint is");
  const std::string_view name = (*names)[0].string();
  std::string known;
  for (const Row& row : kRows) {
    if (row.architecture == name) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.architecture);
  }
  fail(Code::kUnsupported, config.path(), "architectures: want one of ", known, ", got ", name);
}

// config.json's id2label in the order of its numbers; LABEL_0, LABEL_1, ... where it has none.
std::vector<std::string> labels_of(const Json& config, int64_t count) {
  std::vector<std::string> labels;
  for (int64_t i = 0; i < count; ++i) labels.push_back("LABEL_" + std::to_string(i));
  if (const std::optional<Json> named = config.find("id2label"); named && named->is_object())
    for (int64_t i = 0; i < count; ++i)
      if (const std::optional<Json> label = named->find(std::to_string(i));
          label && label->is_string())
        labels[i] = label->string();
  return labels;
}

}  // namespace

Network build_network(const Json& config, std::optional<Pooling> pooling, const Weights& weights) {
  const Row& row = row_of(config);
  Network network;
  network.architecture = row.architecture;
  network.classifier = row.classifier != nullptr;
  network.model = row.model(config, weights);
  if (network.classifier) {
    network.head = row.classifier(weights);
    network.labels = labels_of(config, network.head->width());
  } else {
    if (!pooling)
      fail(Code::kNotFound, config.path(),
           "the checkpoint does not say how to pool (no 1_Pooling/config.json): "
           "choose pooling cls or mean");
    network.pooling = pooling;
    network.head = make_pooling(*pooling, network.model->hidden_size());
  }
  return network;
}

}  // namespace winnow
