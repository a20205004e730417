// 16-bit rows to e4m3 with a scale for each 128 columns (Tensor::Eighths).
#pragma once

#include <cuda_fp8.h>

#include "ops/cuda/rowwise.h"
#include "ops/cuda/values.cuh"

namespace winnow::cuda {

constexpr int kQ8Group = 128;
constexpr int kQ8Lane = 8;  // values a thread: 16 neighbours share a scale

// Values of T at column c of a row; every thread of the warp calls it, `has` for those with values.
template <typename T>
__device__ inline void store_q8(const float (&y)[kQ8Lane], int64_t row, int c, int cols, bool has,
                                const Tensor::Eighths& out) {
  float most = 0.0f, rounded[kQ8Lane];
#pragma unroll
  for (int j = 0; j < kQ8Lane; ++j) {
    rounded[j] = widen(narrow<T>(y[j]));
    if (has) most = fmaxf(most, fabsf(rounded[j]));
  }
#pragma unroll
  for (int step = 8; step > 0; step /= 2)
    most = fmaxf(most, __shfl_xor_sync(0xFFFFFFFFu, most, step));
  if (!has) return;
  const float scale = most > 0.0f ? most / 448.0f : 1.0f, inverse = 1.0f / scale;
  uint2 raw;
  auto* pairs = reinterpret_cast<__nv_fp8x2_storage_t*>(&raw);
#pragma unroll
  for (int j = 0; j < kQ8Lane; j += 2)
    pairs[j / 2] = __nv_cvt_float2_to_fp8x2(
        make_float2(rounded[j] * inverse, rounded[j + 1] * inverse), __NV_SATFINITE, __NV_E4M3);
  *reinterpret_cast<uint2*>(static_cast<uint8_t*>(out.values) + row * cols + c) = raw;
  if (c % kQ8Group == 0) out.scales[row * (cols / kQ8Group) + c / kQ8Group] = scale;
}

}  // namespace winnow::cuda
