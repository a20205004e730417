// The tokenizer that a GGUF file's metadata describes. Source: the keys of llama.cpp's converter;
// the pipelines are those of transformers' tokenizer.json for the same models.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace winnow {

// The metadata under tokenizer.ggml., by the last part of its name. Lists that the file lacks are
// empty.
struct GgufTokenizer {
  std::string model;  // gpt2: byte-level BPE; llama: BPE of characters, from scores
  std::string pre;    // of gpt2, how words are split: smollm, qwen2, ...
  std::vector<std::string> tokens;
  std::vector<std::string> merges;  // "a b", the first to merge first
  std::vector<float> scores;        // of tokens
  std::vector<int32_t> types;       // token_type: 1 normal, 2 unknown, 3 control, 4 user-defined,
                                    // 5 unused, 6 byte
  std::optional<int64_t> bos, eos, unknown;          // bos_token_id, eos_token_id, unknown_token_id
  std::optional<bool> add_bos, add_eos, add_prefix;  // add_bos_token, add_eos_token,
                                                     // add_space_prefix
};

// Throws kUnsupported naming model or pre, kCorrupt naming the key; `what` (the file) opens the
// message.
std::shared_ptr<const Tokenizer> load_gguf_tokenizer(const GgufTokenizer& gguf,
                                                     std::string_view what);

}  // namespace winnow
