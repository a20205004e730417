// Weights: a checkpoint's tensors as parameters of one device: what models are built from. Keeps a
// record of what it made, so that the memory can be told. Used by one thread while a model loads.
#pragma once

#include <initializer_list>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/kernels.h"
#include "weights/checkpoint.h"

namespace winnow {

class Weights {
 public:
  // linear_dtype: what linear layers multiply in. i8 keeps 8-bit weights as they are stored where a
  // scale stands for a tensor or an output, and quantises others, a scale an output. keep_blocks:
  // weights and tables in block formats, f16 and bf16 stay as they are, whatever
  // linear_dtype says; without it they are dequantised.
  Weights(std::shared_ptr<const Checkpoint> checkpoint, const Kernels& kernels, DType linear_dtype,
          bool keep_blocks = true);

  // The same checkpoint below a name: scope("encoder.layer.0").norm("x") is
  // norm("encoder.layer.0.x").
  Weights scope(std::string_view name) const;
  const Kernels& kernels() const { return *kernels_; }
  bool has(std::string_view name) const;  // a tensor of this full name

  // name.weight [N, K] and, where there is one, name.bias [N]; an empty name: weight and bias.
  // Throws kNotFound naming the missing tensor and the file, kCorrupt when shapes disagree. Several
  // names: their outputs side by side, as one product. Block formats are kept when all of the names
  // are in one, several formats side by side too; a layer that names a dtype of its own (f32, i8)
  // gets that.
  Linear linear(std::string_view name) const { return linear({name}); }
  Linear linear(std::initializer_list<std::string_view> names) const;
  Linear linear(std::initializer_list<std::string_view> names, DType dtype) const;
  // A gate and what it is multiplied with, each [F, K], or one tensor that holds both [2 F, K]: for
  // Ops::linear_gated.
  Linear linear_gated(std::initializer_list<std::string_view> names) const;

  // name.weight [D] and name.bias [D]; zeros instead of the latter where the layer has none.
  Norm norm(std::string_view name, bool with_bias = true) const;
  // name.weight [D] alone: an RMS norm's.
  Floats vector(std::string_view name) const;
  // The same in the process's memory: what a model computes its settings from.
  std::vector<float> values(std::string_view name) const;
  // The named rows of name.weight [N, K] as a product in f32: a few logits of a large head.
  Linear rows(std::string_view name, std::span<const int32_t> which) const;
  // name.weight [rows, D]: f32, 8-bit and (with keep_blocks) f16, bf16 and block tables are
  // borrowed as they lie, others converted; a device with memory of its own gets them in its own
  // type.
  Table table(std::string_view name) const;

  // count layers built from scope(name.0), scope(name.1), ...
  template <typename Layer>
  std::vector<Layer> layers(std::string_view name, int64_t count) const {
    std::vector<Layer> out;
    for (int64_t i = 0; i < count; ++i)
      out.emplace_back(scope(std::string(name) + "." + std::to_string(i)));
    return out;
  }

  int64_t parameters() const { return record_->parameters; }  // read so far, each tensor once
  int64_t bytes() const { return record_->bytes; }  // in memory or mapped, as the device reads them

 private:
  struct Record {
    int64_t parameters = 0, bytes = 0;
    std::set<const StoredTensor*> read;
  };

  std::string full(std::string_view name) const;
  const StoredTensor& need(std::string_view name, int rank) const;
  bool stay_as_they_lie(std::initializer_list<std::string_view> names) const;

  enum class Form { kF32, kI8, kBlocks };
  void append(LinearSource& source, std::string_view name, Form form) const;
  Linear pack(LinearSource source, DType dtype) const;
  LinearSource gather(std::initializer_list<std::string_view> names, Form form) const;
  Linear linear(std::initializer_list<std::string_view> names, bool gated) const;
  Floats place(std::vector<float> values) const;
  Table lying_table(std::string_view name) const;

  std::shared_ptr<const Checkpoint> checkpoint_;
  const Kernels* kernels_;
  DType linear_dtype_;
  bool keep_blocks_;
  std::string prefix_;  // "" or ends with a dot
  std::shared_ptr<Record> record_;
};

}  // namespace winnow
