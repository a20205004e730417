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
  std::string model;  // gpt2: byte-level BPE; llama: BPE of characters, from scores; bert:
                      // WordPiece; t5: Unigram
  std::string pre;    // of gpt2, how words are split: smollm, qwen2, ...
  std::vector<std::string> tokens;
  std::vector<std::string> merges;  // "a b", the first to merge first
  std::vector<float> scores;        // of tokens
  std::vector<int32_t> types;       // token_type: 1 normal, 2 unknown, 3 control, 4 user-defined,
                                    // 5 unused, 6 byte
  std::optional<int64_t> bos, eos, unknown;  // bos_token_id, eos_token_id, unknown_token_id
  std::optional<int64_t> cls, sep;  // cls_token_id, seperator_token_id (as it is spelt there)
  std::optional<bool> add_bos, add_eos, add_sep, add_prefix;  // add_bos_token, add_eos_token,
                                                              // add_sep_token, add_space_prefix
  std::optional<bool> lower_case, strip_accents;              // of bert: normalizer.lowercase,
                                                              // normalizer.strip_accents
  std::string char_map;  // of t5: precompiled_charsmap, its bytes
};

// A bert file keeps no word of how its text is normalized unless a new one says so: as llama.cpp,
// lower-cased and without accents. Of a t5 file remove_extra_whitespaces does not count: converters
// write another setting there, and runs of spaces are one in every tokenizer of the kind.
// Throws kUnsupported naming model or pre, kCorrupt naming the key; `what` (the file) opens the
// message.
std::shared_ptr<const Tokenizer> load_gguf_tokenizer(const GgufTokenizer& gguf,
                                                     std::string_view what);

}  // namespace winnow
