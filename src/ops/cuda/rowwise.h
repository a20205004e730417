// The GPU's kernels that work row by row. Each is as the verb of its name in ops.h says; a row's
// bits depend on that row alone, and sums are in an order that only the width decides.
#pragma once

#include <cstdint>

#include "ops/kernels.h"

namespace winnow::cuda {

void add_layer_norm(const AddLayerNormArgs& a, Stream& stream);
void rms_norm(const RmsNormArgs& a, Stream& stream);
void rope_angles(const RopeAnglesArgs& a, Stream& stream);
void rope(const RopeArgs& a, Stream& stream);
void gated(const GatedArgs& a, Stream& stream);
void add(const AddArgs& a, Stream& stream);
void embed_sum(const EmbedSumArgs& a, Stream& stream);
void gather_rows(const GatherRowsArgs& a, Stream& stream);
void pool_rows(const PoolRowsArgs& a, Stream& stream);
void normalize_rows(const NormalizeRowsArgs& a, Stream& stream);
void gelu(const ElementwiseArgs& a, Stream& stream);
void tanh(const ElementwiseArgs& a, Stream& stream);

// Waits for the device.
void to_host(const ToHostArgs& a, Stream& stream);

// The norms' 8-bit copies (Tensor::Eighths) are of the rounded values: the bits of quantize_rows.
// scale = max |x| / 448 over 128 columns, 1 where they are all 0. They want f16 or bf16, dense rows
// and D a multiple of 128 up to 16,384: kInvalidArgument.

// x [rows, D] dense, f16 or bf16, D a multiple of 128: kInvalidArgument.
struct QuantizeRowsArgs {
  const void* x;
  DType type;
  Tensor::Eighths out;
  int64_t rows, cols;
};
void quantize_rows(const QuantizeRowsArgs& a, Stream& stream);

// act(x w^T + b) of f32 weights: x [rows, K] of f32, f16 or bf16, out [rows, N] f32. Each value is
// summed over k in order, fused, as the CPU's.
void linear_f32(const LinearArgs& a, Stream& stream);

}  // namespace winnow::cuda
