#include "models/registry.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace winnow {
namespace {

struct Row {
  std::string_view architecture;  // as transformers names the class
  std::unique_ptr<Model> (*model)(const Json&, const Weights&);
  std::unique_ptr<Head> (*classifier)(const Json&, const Weights&);  // null: an embedder
};
constexpr std::array kRows{
    Row{"BertForSequenceClassification", make_bert, make_bert_classifier},
    Row{"BertModel", make_bert, nullptr},
    Row{"CamembertForSequenceClassification", make_xlm_roberta, make_roberta_classifier},
    Row{"CamembertModel", make_xlm_roberta, nullptr},
    Row{"DistilBertForSequenceClassification", make_distilbert, make_distilbert_classifier},
    Row{"DistilBertModel", make_distilbert, nullptr},
    Row{"ModernBertForSequenceClassification", make_modernbert, make_modernbert_classifier},
    Row{"ModernBertModel", make_modernbert, nullptr},
    Row{"RobertaForSequenceClassification", make_xlm_roberta, make_roberta_classifier},
    Row{"RobertaModel", make_xlm_roberta, nullptr},
    Row{"XLMRobertaForSequenceClassification", make_xlm_roberta, make_roberta_classifier},
    Row{"XLMRobertaModel", make_xlm_roberta, nullptr},
    // Trained as masked language models and used as embedders: their word head is left alone.
    Row{"BertForMaskedLM", make_bert, nullptr},
    Row{"DistilBertForMaskedLM", make_distilbert, nullptr},
    Row{"ModernBertForMaskedLM", make_modernbert, nullptr},
    Row{"RobertaForMaskedLM", make_xlm_roberta, nullptr},
    Row{"XLMRobertaForMaskedLM", make_xlm_roberta, nullptr},
};

// Stanford's ColBERT names its class HF_ColBERT whatever it stands on; model_type says that.
constexpr std::string_view kColbert = "HF_ColBERT";

std::string_view trunk_of_colbert(const Json& config) {
  const std::string type(config.string("model_type", "bert"));
  if (type == "bert") return "BertModel";
  if (type == "distilbert") return "DistilBertModel";
  if (type == "roberta") return "RobertaModel";
  if (type == "xlm-roberta") return "XLMRobertaModel";
  if (type == "modernbert") return "ModernBertModel";
  fail(Code::kUnsupported, config.path(),
       "model_type of HF_ColBERT: want bert, distilbert, roberta, xlm-roberta or modernbert, got ",
       type);
}

const Row& row_of(const Json& config) {
  const std::optional<Json> names = config.find("architectures");
  if (!names || !names->is_array() || names->size() == 0)
    fail(Code::kUnsupported, config.path(),
         "missing key `architectures`, which says what the checkpoint is");
  std::string_view name = (*names)[0].string();
  if (name == kColbert) name = trunk_of_colbert(config);
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

// bge-m3's side heads: `weight` and `bias`, without a name before them.
Linear side_head(const std::shared_ptr<const Checkpoint>& checkpoint, int64_t hidden,
                 const Kernels& kernels) {
  Linear linear = Weights(checkpoint, kernels, DType::f32).linear("");
  if (linear.in != hidden)
    fail(Code::kCorrupt, checkpoint->path(), ": want ", hidden, " inputs, got ", linear.in);
  return linear;
}

}  // namespace

Results Network::run(Ops& f, const Batch& batch, const Wanted& wanted) const {
  if (wanted.pooled && !head)
    fail(Code::kUnsupported, architecture, ": the model has a vector a token, and none a text");
  if ((wanted.sparse && !sparse) || (wanted.multi && !multi))
    fail(Code::kUnsupported, architecture, ": the model has no ",
         wanted.sparse && !sparse ? "sparse" : "multi-vector", " head");
  Results out;
  if (!wanted.sparse && !wanted.multi && !wanted.hidden) {
    if (wanted.pooled) out.pooled = run(f, batch);
    return out;
  }
  const Tensor hidden = model->forward(f, batch, Rows::kAll);  // [T, D]
  if (wanted.pooled) {
    const bool first = head->rows() == Rows::kFirst;
    out.pooled = head->apply(
        f, first ? f.gather_rows(hidden, batch.starts.first(batch.starts.size() - 1)) : hidden,
        batch);
  }
  if (wanted.sparse) out.sparse = f.linear(hidden, *sparse, Activation::kRelu);
  if (wanted.multi) out.multi = f.normalize_rows(multi->apply(f, hidden, batch));
  if (wanted.hidden) out.hidden = hidden;
  return out;
}

Network build_network(const Json& config, const EmbedderParts& parts, const Weights& weights) {
  const Row& row = row_of(config);
  Network network;
  const bool colbert = is_colbert(config);
  network.architecture = colbert ? kColbert : row.architecture;
  network.classifier = row.classifier != nullptr;
  network.model = row.model(config, weights);
  if (network.classifier) {
    network.head = row.classifier(config, weights);
    network.labels = labels_of(config, network.head->width());
    return network;
  }
  const int64_t hidden = network.model->hidden_size();
  if (!parts.token_modules.empty() || colbert) {
    network.multi = parts.token_modules.empty()
                        ? make_token_linear(weights.linear({"linear"}, DType::f32), hidden,
                                            std::string(config.path()))
                        : make_token_modules(parts.token_modules, hidden, weights.kernels());
    return network;
  }
  if (parts.modules.empty())
    fail(Code::kNotFound, config.path(),
         "the checkpoint does not say how to pool (no 1_Pooling/config.json): "
         "choose pooling cls or mean");
  network.head = make_modules(parts.modules, hidden, weights.kernels());
  network.pooling = parts.modules[0].pooling;
  if (parts.sparse) network.sparse = side_head(parts.sparse, hidden, weights.kernels());
  if (parts.multi)
    network.multi = make_token_linear(side_head(parts.multi, hidden, weights.kernels()), hidden,
                                      parts.multi->path());
  return network;
}

bool is_colbert(const Json& config) {
  const std::optional<Json> names = config.find("architectures");
  return names && names->is_array() && names->size() > 0 && (*names)[0].is_string() &&
         (*names)[0].string() == kColbert;
}

bool is_encoder(const Json& config) {
  const std::optional<Json> names = config.find("architectures");
  if (!names || !names->is_array() || names->size() == 0 || !(*names)[0].is_string()) return false;
  if (is_colbert(config)) return true;
  return std::any_of(kRows.begin(), kRows.end(),
                     [&](const Row& row) { return row.architecture == (*names)[0].string(); });
}

}  // namespace winnow
