// A model's parameters in the form a device computes with. Immutable, shared by every pass.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tensor/tensor.h"

namespace winnow {

// A linear layer as a checkpoint has it: w [N, K] row-major in f32 or as 8-bit integers with a
// scale a row; bias [N].
struct LinearSource {
  int64_t in = 0, out = 0;        // K, N
  std::vector<float> weight;      // [N, K]; empty when quantized holds it
  std::vector<int8_t> quantized;  // [N, K]
  std::vector<float> scales;      // [N], real = quantized * scale
  std::vector<float> bias;        // [N]; empty: zeros
};

// What a device made of it; only its own kernels look inside.
class PackedLinear {
 public:
  virtual ~PackedLinear() = default;
  virtual int64_t bytes() const = 0;
};

struct Linear {
  int64_t in = 0, out = 0;
  DType dtype = DType::f32;  // f32 or i8: what it multiplies in
  std::shared_ptr<const PackedLinear> packed;
};

// Layer norm's scale and shift, each [D].
struct Norm {
  std::vector<float> weight, bias;
};

// An embedding table [rows, D]: f32, or u8 where real = (stored - zero) * scale. Borrows the
// checkpoint's memory.
struct Table {
  Tensor rows;
  float scale = 1.0f;
  int32_t zero = 0;
  std::shared_ptr<const void> owner;  // keeps the memory alive
};

}  // namespace winnow
