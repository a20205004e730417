// Checkpoints: files of named tensors, mapped, never copied. Immutable and thread-safe.
// Reads safetensors and PyTorch pickles (one file or sharded by an index), GGUF, and ONNX files as
// containers of weights.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace winnow {

// How an 8-bit tensor stands for real numbers: real = (stored - zero_point) * scale. One entry for
// the whole tensor, or one for each index of `axis`. Empty scales: the tensor is what it says.
struct Quantization {
  std::vector<float> scales;
  std::vector<int32_t> zero_points;
  int axis = 0;  // of the stored shape
};

// A tensor as it lies in its file: row-major, little-endian, alive as long as the Checkpoint.
struct StoredTensor {
  std::string name;  // the parameter's name, as PyTorch spells it
  DType dtype = DType::f32;
  Shape shape;  // as stored
  bool transposed =
      false;  // true when the file stores [in, out] where PyTorch has [out, in] (ONNX MatMul)
  // Rows that a Llama GGUF file has in another order than PyTorch: within each of so many heads,
  // row (half, i) lies at (i, half). 0: rows are in order.
  int64_t interleaved_heads = 0;
  const std::byte* data = nullptr;  // of any alignment: copy elements out, do not cast
  int64_t bytes = 0;
  Quantization quantization;
  int64_t file_offset = 0;  // of the first byte, for messages
};

class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  // Opens a file by its name's ending (.safetensors, .safetensors.index.json, .gguf, .bin, .pt,
  // .pth, .bin.index.json, .onnx) or a model folder.
  static std::shared_ptr<const Checkpoint> open(const std::string& path);

  // Opens a model folder: model.safetensors, model.safetensors.index.json, the one file *.gguf,
  // pytorch_model.bin, pytorch_model.bin.index.json, model.onnx or onnx/model.onnx, in this order.
  // Throws kNotFound naming what was looked for, kCorrupt with the file and byte offset.
  static std::shared_ptr<const Checkpoint> open_folder(const std::string& folder);
  // The file *.gguf that open_folder would open; empty when it would open another. Throws
  // kInvalidArgument when there are several.
  static std::string gguf_in(const std::string& folder);
  static std::shared_ptr<const Checkpoint> open_safetensors(const std::string& path);
  // A model of architecture llama, qwen2 or qwen3; others are kUnsupported by name. Factors of
  // rope frequencies are a tensor rope_freqs.weight [head_dim / 2]: frequency i is divided by
  // factor i, whatever the implied config says.
  static std::shared_ptr<const Checkpoint> open_gguf(const std::string& path);
  // PyTorch's files, or the index of several (.json). Nothing in a pickle is run.
  static std::shared_ptr<const Checkpoint> open_torch(const std::string& path);
  static std::shared_ptr<const Checkpoint> open_onnx(const std::string& path);

  // The texts that a safetensors file has about itself (__metadata__), an object; else null. Throws
  // as open_safetensors does.
  static Json safetensors_metadata(const std::string& path);

  // Null when absent. A prefix bert., roberta., distilbert., deberta. or model. may be missing
  // from, or surplus in, the name or the file's; the name as it is goes first.
  virtual const StoredTensor* find(std::string_view name) const = 0;
  virtual std::vector<const StoredTensor*> tensors() const = 0;  // in the order of their names
  virtual const std::string& path() const = 0;

  // What a file without config.json says of its own shape, as config.json would: model_type,
  // hidden_size, num_hidden_layers, num_attention_heads, intermediate_size, vocab_size,
  // max_position_embeddings, type_vocab_size, layer_norm_eps, hidden_act, architectures, and
  // num_labels where there is a classifier; of a GGUF file also num_key_value_heads, head_dim,
  // rms_norm_eps, rope_theta, rope_scaling, attention_bias, tie_word_embeddings and the ids of
  // special tokens (eos_token_id: an integer, or an array of two). Null for safetensors. Throws
  // kUnsupported when the graph is not one that winnow can read.
  virtual Json implied_config() const = 0;
};

}  // namespace winnow
