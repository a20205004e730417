// The weights stream through shared memory once and are the matrix units' 16 rows; the rows of x
// are their 8 columns. One warp sums 16 outputs of every row over the whole of k, so that n / 16
// warps share the memory's bandwidth and the only chain is the warp's own. The same sums in the
// same order as gemm_wgmma.cu, and the same bits: bench/gpu/gemm_bench.cu and
// tests/gpu/gemm_test.cpp compare.
//
// Measured on an H100 that copies at 2.97 TB/s, one row: 37888 x 3584 gated 3.00 TB/s, 17920 x 1536
// gated 2.59, 4608 x 3584 2.41; 1536 x 8960 1.74 (15.9 us; tiles of wgmma 23), bound by the chain.
#include <algorithm>

#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/epilogue.cuh"
#include "ops/cuda/gemm_few.h"
#include "ops/cuda/hopper.cuh"
#include "ops/cuda/mma.cuh"
#include "ops/cuda/tensor_map.h"

namespace winnow::cuda {
namespace {

constexpr int kPanels = 4;    // of 64 of k, a slice
constexpr int kStages = 6;    // slices in flight
constexpr int kOutputs = 16;  // of a warp
constexpr int kTokens = 8;    // rows of x

struct Room {
  static constexpr int kBytesW = kPanels * kOutputs * kLineBytes;
  static constexpr int kBytesX = kPanels * kTokens * kLineBytes;
  static constexpr int kX = kStages * kBytesW;
  static constexpr int kFull = kX + kStages * kBytesX;
  static constexpr int kEmpty = kFull + 8 * kStages;
  static constexpr int kBytes = kEmpty + 8 * kStages;
  static constexpr int kBlocks = 227 * 1024 / (kBytes + 1024);  // on a multiprocessor
};

template <typename T>
__device__ __forceinline__ void put(const Epilogue& e, int row, int col, float v) {
  if (e.out_f32) {
    if (e.residual)
      v = __fadd_rn(v, static_cast<const float*>(e.residual)[row * e.residual_stride + col]);
    static_cast<float*>(e.out)[row * e.out_stride + col] = v;
  } else {
    if (e.residual)
      v = __fadd_rn(
          v, static_cast<float>(static_cast<const T*>(e.residual)[row * e.residual_stride + col]));
    static_cast<T*>(e.out)[row * e.out_stride + col] = static_cast<T>(v);
  }
}

template <typename T>
__global__ void __launch_bounds__(64)
    few_kernel(const __grid_constant__ CUtensorMap map_x, const __grid_constant__ CUtensorMap map_w,
               const int slices, const int groups, const Epilogue e) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  using R = Room;
  extern __shared__ __align__(1024) char raw[];
  const uint32_t base = shared_address(raw), full = base + R::kFull, empty = base + R::kEmpty;
  if (base % 1024) __trap();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) {
      barrier_init(full + 8 * s, 1);
      barrier_init(empty + 8 * s, 1);
    }
    barrier_init_done();
    prefetch(&map_x);
    prefetch(&map_w);
  }
  __syncthreads();
  if (warp == 1) {
    if (lane == 0) {
      // Weights do not come from the kernel before: the first fill the ring while it ends.
      int ahead = min(kStages, slices);
      for (int s = 0; s < ahead; ++s) {
        barrier_expect(full + 8 * s, R::kBytesX + R::kBytesW);
        load_panels(base + s * R::kBytesW, &map_w, full + 8 * s, blockIdx.x * kOutputs,
                    s * kPanels);
      }
      wait_for_kernel_before();
      int stage = 0;
      uint32_t parity = 1;
      for (int group = blockIdx.x; group < groups; group += gridDim.x)
        for (int slice = 0; slice < slices; ++slice) {
          const uint32_t bar = full + 8 * stage;
          if (ahead > 0) {
            --ahead;
          } else {
            barrier_wait(empty + 8 * stage, parity);
            barrier_expect(bar, R::kBytesX + R::kBytesW);
            load_panels(base + stage * R::kBytesW, &map_w, bar, group * kOutputs, slice * kPanels);
          }
          load_panels(base + R::kX + stage * R::kBytesX, &map_x, bar, 0, slice * kPanels);
          if (++stage == kStages) stage = 0, parity ^= 1;
        }
    }
    return;
  }
  wait_for_kernel_before();
  let_next_kernel_start();
  int stage = 0;
  uint32_t parity = 0;
  for (int group = blockIdx.x; group < groups; group += gridDim.x) {
    float d[4] = {};
    for (int slice = 0; slice < slices; ++slice) {
      barrier_wait(full + 8 * stage, parity);
      const uint32_t w = base + stage * R::kBytesW + lane % 16 * kLineBytes;
      const uint32_t x = base + R::kX + stage * R::kBytesX + lane % 8 * kLineBytes;
      // Unrolled, so that the assembler is free to order fetches and products. (A loop that fetches
      // a panel while it multiplies the one before took 1.4 times as long.)
      uint32_t a[2][4][4], b[2][4][2];
      const auto fetch = [&](int p) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          load_matrices(a[p % 2][i],
                        w + p * kOutputs * kLineBytes + (((2 * i + lane / 16) ^ (lane % 8)) << 4));
          const uint32_t from =
              x + p * kTokens * kLineBytes + (((2 * i + lane / 8 % 2) ^ (lane % 8)) << 4);
          load_two_matrices(b[p % 2][i], from);
        }
      };
      fetch(0);
#pragma unroll
      for (int p = 0; p < kPanels; ++p) {
        if (p + 1 < kPanels) fetch(p + 1);
#pragma unroll
        for (int i = 0; i < 4; ++i) mma<T>(d, a[p % 2][i], b[p % 2][i][0], b[p % 2][i][1]);
      }
      __syncwarp();
      if (lane == 0) barrier_arrive(empty + 8 * stage);
      if (++stage == kStages) stage = 0, parity ^= 1;
    }
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int row = 2 * (lane % 4) + i % 2, col = group * kOutputs + lane / 4 + 8 * (i / 2);
      float v = d[i];
      if (e.bias && col < e.n) v = __fadd_rn(v, e.bias[col]);
      if (e.gated) {  // a lane with a gate has its neighbour of four further
        const float up = __shfl_xor_sync(0xFFFFFFFF, v, 4);
        activate<1, 1>(e.activation, &v);
        v *= up;
        if (lane / 4 % 2 == 0 && row < e.m && col < e.n) put<T>(e, row, col / 2, v);
      } else {
        activate<1, 1>(e.activation, &v);
        if (row < e.m && col < e.n) put<T>(e, row, col, v);
      }
    }
  }
#endif
}

template <typename T>
void launch(const GemmArgs& a, cudaStream_t queue) {
  using R = Room;
  const auto kernel = few_kernel<T>;
  allow_shared_memory(reinterpret_cast<const void*>(kernel), R::kBytes);
  int device = 0, processors = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
  const int slices = static_cast<int>((a.k + 64 * kPanels - 1) / (64 * kPanels));
  const int groups = static_cast<int>((a.n + kOutputs - 1) / kOutputs);
  cudaLaunchConfig_t config{};
  config.gridDim = static_cast<unsigned>(std::min(groups, R::kBlocks * processors));
  config.blockDim = 64;
  config.dynamicSmemBytes = R::kBytes;
  config.stream = queue;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &attribute;
  config.numAttrs = 1;
  const CUtensorMap x = panels_of(a.x, a.type, a.m, a.k, a.x_stride, kTokens, kPanels);
  const CUtensorMap w = panels_of(a.w, a.type, a.n, a.k, a.k, kOutputs, kPanels);
  check(cudaLaunchKernelEx(&config, kernel, x, w, slices, groups, epilogue_of(a)), "gemm");
}

}  // namespace

bool is_few(const GemmArgs& a, int processors) {
  // Between one group and two on a multiprocessor the pairs are what all wait for, and a tile of 32
  // columns is faster.
  const int64_t groups = (a.n + kOutputs - 1) / kOutputs;
  return a.m <= kTokens && a.k % 64 == 0 && a.type != DType::f8_e4m3 &&
         (groups <= processors || groups > 2 * processors);
}

void gemm_few(const GemmArgs& a, cudaStream_t queue) {
  if (a.m == 0) return;
  a.type == DType::f16 ? launch<__half>(a, queue) : launch<__nv_bfloat16>(a, queue);
}

}  // namespace winnow::cuda
