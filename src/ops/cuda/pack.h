// Parameters in the GPU's memory.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "ops/kernels.h"
#include "ops/parameters.h"

namespace winnow::cuda {

// A linear layer's weights as the checkpoint orders them; of gated ones in 16 bits the rows take
// turns: gate_0, up_0, gate_1, up_1, ... (in f32 the gates come first: linear and gated read
// those).
struct CudaLinear final : PackedLinear {
  int64_t in = 0, out = 0;  // K, N
  DType type = DType::f32;  // f32, f16, bf16 or f8_e4m3
  bool interleaved = false;
  std::shared_ptr<void> weight;   // [N, K]
  std::shared_ptr<float> bias;    // [N], ordered as the rows; null: none
  std::shared_ptr<float> scales;  // [N] of f8: real = stored * scale; else null

  int64_t bytes() const override;
  // Where a row of `weight` stands in the source.
  int64_t source_row(int64_t r) const { return interleaved ? r / 2 + r % 2 * (out / 2) : r; }
};

// dtype: f32, f16, bf16 or f8_e4m3, whatever the source holds: rounded to nearest even from the
// source's exact values; f8 after dividing each row by its largest / 448. Throws kUnsupported for
// another dtype, kInvalidArgument when the source's sizes disagree, and what `memory` throws.
Linear pack(LinearSource source, DType dtype, Memory& memory);

// Kernels::pack of a GPU whose activations are of that dtype: weights wanted in f32 stay so (heads,
// and whole models that are checked), those wanted in f8 too where the product can (K a multiple of
// 128, N of 8); all others have the activations' dtype, which is what linear_16bit multiplies.
template <DType kActivations>
Linear pack_for(LinearSource source, DType dtype, Memory& memory) {
  const bool f8 = dtype == DType::f8_e4m3 && source.in % 128 == 0 && source.out % 8 == 0;
  return pack(std::move(source), dtype == DType::f32 || f8 ? dtype : kActivations, memory);
}

// dtype as pack's; a table of u8 stays one, with its scale and zero.
Table place_table(Table table, DType dtype, Memory& memory);

}  // namespace winnow::cuda
