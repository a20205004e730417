// A model's parameters in the form a device computes with. Immutable, shared by every pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "tensor/tensor.h"

namespace winnow {

// A linear layer as a checkpoint has it: w [N, K] row-major in f32, as 8-bit integers with a scale
// a row, or as rows of blocks (tensor/blocks.h); bias [N].
struct LinearSource {
  int64_t in = 0, out = 0;        // K, N
  std::vector<float> weight;      // [N, K]; empty when quantized holds it
  std::vector<int8_t> quantized;  // [N, K]
  std::vector<float> scales;      // [N], real = quantized * scale
  std::vector<float> bias;        // [N]; empty: zeros
  // A row each, K / block_elements blocks or K values of f16 or bf16, in the checkpoint's memory,
  // which only packing reads; rows may be of several formats (16-bit ones next to others become
  // f32).
  struct BlockRow {
    const std::byte* data;
    DType dtype;
  };
  std::vector<BlockRow> block_rows;  // [N]; empty when weight or quantized hold it
  bool gated = false;  // its first half of rows is the gate of the second (Ops::linear_gated)
};

// What a device made of it; only its own kernels look inside.
class PackedLinear {
 public:
  virtual ~PackedLinear() = default;
  virtual int64_t bytes() const = 0;
};

struct Linear {
  int64_t in = 0, out = 0;
  DType dtype = DType::f32;  // f32, f16, bf16, i8, f8, or the blocks' (of its first row)
  std::shared_ptr<const PackedLinear> packed;
  bool gated = false;
};

// A vector in the device's memory.
struct Floats {
  const float* data = nullptr;
  int64_t count = 0;
  std::shared_ptr<const void> owner;  // keeps the memory alive

  int64_t size() const { return count; }
};

// Layer norm's scale and shift, each [D].
struct Norm {
  Floats weight, bias;
};

// An embedding table [rows, D]: f32, f16, bf16, u8 where real = (stored - zero) * scale, or rows of
// whole blocks (its shape counts elements). Borrows the checkpoint's memory, or is the device's
// own.
struct Table {
  Tensor rows;
  float scale = 1.0f;
  int32_t zero = 0;
  std::shared_ptr<const void> owner;  // keeps the memory alive
};

}  // namespace winnow
