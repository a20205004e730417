// What a model folder says about itself, apart from the weights: config, pooling, limits.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"
#include "models/heads.h"
#include "weights/checkpoint.h"

namespace winnow {

struct ModelFolder {
  Json config;                        // config.json, or what the weights imply where there is none
  std::optional<Pooling> pooling;     // 1_Pooling/config.json (sentence-transformers)
  std::optional<int64_t> max_length;  // the least of tokenizer_config.json's model_max_length and
                                      // sentence_bert_config.json's
};

// Throws kNotFound when the folder is none or has no config, kCorrupt or kUnsupported naming file
// and key.
ModelFolder read_model_folder(const std::string& folder, const Checkpoint& checkpoint);

}  // namespace winnow
