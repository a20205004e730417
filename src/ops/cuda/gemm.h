// Matrix products on GPUs.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "ops/kernels.h"
#include "tensor/dtype.h"

namespace winnow::cuda {

// out = act(x w^T + bias) + residual, sums in f32 over k in order; a row's bits do not depend on m.
struct GemmArgs {
  const void* x;  // [m, k], rows x_stride elements apart, of type
  int64_t x_stride;
  const void* w;  // [n, k] dense, of type; gated: rows gate_0, up_0, gate_1, up_1, ...
  const float* bias = nullptr;     // [n], or null
  const void* residual = nullptr;  // [m, n] of out_type, or null
  int64_t residual_stride = 0;
  void* out;  // [m, n] of out_type; gated: [m, n / 2] = act(gate) * up
  int64_t out_stride;
  int64_t m, n, k;
  DType type, out_type;
  Activation activation = Activation::kNone;
  bool gated = false;
};
void gemm(const GemmArgs& args, cudaStream_t queue);

}  // namespace winnow::cuda
