// A GGUF file as a model: its tensors under PyTorch's names, its metadata as config.json would say
// it. Internal to weights; docs/formats/gguf.md has the tables.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "weights/checkpoint.h"
#include "weights/gguf.h"

namespace winnow {

// Throws kUnsupported naming the architecture when it is not llama, qwen2 or qwen3, or the file is
// a part of several; kCorrupt when metadata and tensors disagree.
std::shared_ptr<const Checkpoint> gguf_checkpoint(std::shared_ptr<const GgufFile> file);

// The parameter's name: model.layers.0.self_attn.q_proj.weight for blk.0.attn_q.weight. A name that
// the tables lack stays as it is (rope_freqs.weight).
std::string hugging_face_name(std::string_view gguf_name);

}  // namespace winnow
