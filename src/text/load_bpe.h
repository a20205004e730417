// BPE tokenizers from files that are no tokenizer.json. Source: transformers' conversion of each
// tokenizer class.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe.h"
#include "text/folder_tokens.h"
#include "text/pipeline.h"

namespace winnow {

// The kinds of byte-level tokenizers that other files than tokenizer.json only name.
enum class ByteLevelKind { kGpt2, kSmolLm, kQwen2, kLlama3, kGptNeoX };

// Normalizer, pre-tokenizer, decoder of a kind around a model; nothing is put around a text.
// prefix_space: a text that does not begin with a space gets one.
PipelineParts byte_level_parts(ByteLevelKind kind, std::shared_ptr<const Bpe> model,
                               std::vector<AddedToken> added, bool prefix_space);

// The files of a folder with vocab.json and merges.txt.
struct BpeFiles {
  std::string_view vocab, merges;       // their texts
  std::string vocab_path, merges_path;  // for errors
  FolderConfigs configs;
};
// The tokenizer that the tokenizer_class of tokenizer_config.json ("Qwen2TokenizerFast") or else
// the model_type of config.json ("qwen2") means. Throws kUnsupported naming another.
std::shared_ptr<const Tokenizer> load_vocab_merges(const BpeFiles& files);

}  // namespace winnow
