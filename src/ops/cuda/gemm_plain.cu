// Tiles of 64 x 64 in shared memory, 4 x 4 sums a thread, every load and store guarded. Slow, and
// only for odd widths; real models have none in their blocks.
#include <type_traits>

#include "base/error.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/epilogue.cuh"
#include "ops/cuda/gemm_plain.h"

namespace winnow::cuda {
namespace {

constexpr int kTile = 64, kDepth = 16;

template <typename T>
__device__ float widen(T v) {
  if constexpr (std::is_same_v<T, __half>)
    return __half2float(v);
  else
    return __bfloat162float(v);
}
template <typename T>
__device__ T narrow(float v) {
  if constexpr (std::is_same_v<T, __half>)
    return __float2half_rn(v);
  else
    return __float2bfloat16_rn(v);
}

template <typename T>
__device__ void put(const GemmArgs& a, int64_t row, int64_t col, float v) {
  if (a.out_type == DType::f32) {
    if (a.residual) v += static_cast<const float*>(a.residual)[row * a.residual_stride + col];
    static_cast<float*>(a.out)[row * a.out_stride + col] = v;
  } else {
    if (a.residual) v += widen(static_cast<const T*>(a.residual)[row * a.residual_stride + col]);
    static_cast<T*>(a.out)[row * a.out_stride + col] = narrow<T>(v);
  }
}

template <typename T>
__global__ void __launch_bounds__(256) plain_kernel(const GemmArgs a) {
  __shared__ float xs[kDepth][kTile + 4], ws[kDepth][kTile + 4];
  const int tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  const int64_t row0 = int64_t{blockIdx.y} * kTile, col0 = int64_t{blockIdx.x} * kTile;
  float sums[4][4] = {};
  for (int64_t k0 = 0; k0 < a.k; k0 += kDepth) {
    for (int i = threadIdx.x; i < kTile * kDepth; i += 256) {
      const int64_t r = i / kDepth, k = k0 + i % kDepth;
      xs[i % kDepth][r] = row0 + r < a.m && k < a.k
                              ? widen(static_cast<const T*>(a.x)[(row0 + r) * a.x_stride + k])
                              : 0.f;
      ws[i % kDepth][r] =
          col0 + r < a.n && k < a.k ? widen(static_cast<const T*>(a.w)[(col0 + r) * a.k + k]) : 0.f;
    }
    __syncthreads();
    for (int k = 0; k < kDepth; ++k)
      for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j)
          sums[i][j] = fmaf(xs[k][4 * ty + i], ws[k][4 * tx + j], sums[i][j]);
    __syncthreads();
  }
  for (int i = 0; i < 4; ++i) {
    const int64_t row = row0 + 4 * ty + i, col = col0 + 4 * tx;
    if (row >= a.m) break;
    for (int j = 0; j < 4; ++j)
      if (a.bias && col + j < a.n) sums[i][j] += a.bias[col + j];
    if (a.gated) {
      activate<4, 2>(a.activation, sums[i]);
      for (int j = 0; j < 4; j += 2)
        if (col + j < a.n) put<T>(a, row, (col + j) / 2, sums[i][j] * sums[i][j + 1]);
    } else {
      activate<4, 1>(a.activation, sums[i]);
      for (int j = 0; j < 4; ++j)
        if (col + j < a.n) put<T>(a, row, col + j, sums[i][j]);
    }
  }
}

}  // namespace

void gemm_plain(const GemmArgs& a, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>((a.n + kTile - 1) / kTile),
                  static_cast<unsigned>((a.m + kTile - 1) / kTile));
  if (grid.y > 65535) fail(Code::kInvalidArgument, "gemm: ", a.m, " rows of odd width");
  if (a.type == DType::f16)
    plain_kernel<__half><<<grid, 256, 0, stream>>>(a);
  else
    plain_kernel<__nv_bfloat16><<<grid, 256, 0, stream>>>(a);
  check_launch("gemm");
}

}  // namespace winnow::cuda
