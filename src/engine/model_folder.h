// What a model folder says about itself, apart from the weights: config, modules, limits, prompts.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/json.h"
#include "models/registry.h"
#include "tasks/late.h"
#include "weights/checkpoint.h"

namespace winnow {

struct ModelFolder {
  Json config;          // config.json, or what the weights imply where there is none
  EmbedderParts parts;  // modules.json, or 1_Pooling/config.json alone; bge-m3's side heads
  std::optional<int64_t> max_length;  // the least of tokenizer_config.json's model_max_length and
                                      // sentence_bert_config.json's
  // config_sentence_transformers.json: what a text is preceded by, by name.
  std::map<std::string, std::string> prompts;
  std::string default_prompt;  // a name in prompts, or ""
  // Late-interaction models that frame queries and documents (ColBERT).
  std::optional<ColbertSettings> colbert;
  // What a cross-encoder's single logit becomes unless a request wants it raw: true: its sigmoid.
  bool sigmoid = true;
};

// Throws kNotFound when the folder is none or has no config, kCorrupt or kUnsupported naming file
// and key: a module of another type than Transformer, Pooling, Dense, LayerNorm and Normalize, an
// activation that winnow has not; what read_colbert_settings throws.
ModelFolder read_model_folder(const std::string& folder, const Checkpoint& checkpoint);

}  // namespace winnow
