// BPE tokenizers from files that are no tokenizer.json. Source: transformers' conversion of each
// tokenizer class.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/bpe.h"
#include "text/pipeline.h"

namespace winnow {

// The kinds of byte-level tokenizers that other files than tokenizer.json only name.
enum class ByteLevelKind { kGpt2, kSmolLm, kQwen2, kLlama3 };

// Normalizer, pre-tokenizer, decoder of a kind around a model; nothing is put around a text.
// prefix_space: a text that does not begin with a space gets one.
PipelineParts byte_level_parts(ByteLevelKind kind, std::shared_ptr<const Bpe> model,
                               std::vector<AddedToken> added, bool prefix_space);

// The kind that a tokenizer_class ("Qwen2TokenizerFast") or else a config.json's model_type
// ("qwen2") means. Throws kUnsupported, opening with `what`, for another.
ByteLevelKind byte_level_kind(std::string_view tokenizer_class, std::string_view model_type,
                              std::string_view what);

// The files of a folder with vocab.json and merges.txt; null where it has none.
struct BpeFiles {
  std::string_view vocab, merges;        // their texts
  std::string vocab_path, merges_path;   // for errors
  const Json* config = nullptr;          // tokenizer_config.json
  const Json* model_config = nullptr;    // config.json
  const Json* added_tokens = nullptr;    // added_tokens.json: {"token": id}
  const Json* special_tokens = nullptr;  // special_tokens_map.json
};
std::shared_ptr<const Tokenizer> load_vocab_merges(const BpeFiles& files);

}  // namespace winnow
