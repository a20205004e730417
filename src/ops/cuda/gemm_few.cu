// The weights stream through shared memory once and are the matrix units' 16 rows; the rows of x
// are their 8 columns. One warp sums 16 outputs of every row over the whole of k, so the only chain
// is mma.sync's own (33 clocks for 16 of k; the smallest wgmma takes twice that), and n / 16 warps
// share the memory's bandwidth. The same sums in the same order as gemm_wgmma.cu: the same bits,
// which bench/ops/gemm_bench.cu compares.
#include <algorithm>

#include "base/error.h"
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
               const int panels, const int groups, const Epilogue e) {
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
      const int slices = (panels + kPanels - 1) / kPanels;
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
  uint32_t from_w[4], from_x[4];  // of this lane, in the first panel
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    from_w[i] = base + lane % 16 * kLineBytes + (((2 * i + lane / 16) ^ (lane % 8)) << 4);
    from_x[i] = base + R::kX + lane % 8 * kLineBytes + (((2 * i + lane / 8 % 2) ^ (lane % 8)) << 4);
  }
  for (int group = blockIdx.x; group < groups; group += gridDim.x) {
    float d[4] = {};
    uint32_t a[4][4], b[4][2], next_a[4][4], next_b[4][2];
    const auto fetch = [&](int panel) {
      const uint32_t w = stage * R::kBytesW + panel * (kOutputs * kLineBytes);
      const uint32_t x = stage * R::kBytesX + panel * (kTokens * kLineBytes);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        load_matrices(next_a[i], from_w[i] + w);
        load_two_matrices(next_b[i], from_x[i] + x);
      }
    };
    const auto take = [&] {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) a[i][j] = next_a[i][j];
#pragma unroll
        for (int j = 0; j < 2; ++j) b[i][j] = next_b[i][j];
      }
    };
    barrier_wait(full + 8 * stage, parity);
    fetch(0);
    take();
    // A panel is fetched while the one before is multiplied. Not unrolled: the assembler then moves
    // each fetch to its use, and the chain is twice as long.
#pragma unroll 1
    for (int panel = 0; panel < panels; ++panel) {
      const int done = stage;
      const bool last = panel % kPanels == kPanels - 1 || panel + 1 == panels;
      if (last)
        if (++stage == kStages) stage = 0, parity ^= 1;
      if (panel + 1 < panels) {
        if (last) barrier_wait(full + 8 * stage, parity);
        fetch((panel + 1) % kPanels);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) mma<T>(d, a[i], b[i][0], b[i][1]);
      if (last) {
        __syncwarp();
        if (lane == 0) barrier_arrive(empty + 8 * done);
      }
      take();
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
  static const cudaError_t prepared =
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, R::kBytes);
  if (prepared != cudaSuccess) fail(Code::kInternal, "gemm: ", cudaGetErrorString(prepared));
  int device = 0, processors = 0;
  cudaGetDevice(&device);
  cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device);
  const int panels = static_cast<int>(a.k / 64);
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
  const cudaError_t error =
      cudaLaunchKernelEx(&config, kernel, x, w, panels, groups, epilogue_of(a));
  if (error != cudaSuccess) fail(Code::kInternal, "gemm: ", cudaGetErrorString(error));
}

}  // namespace

bool is_few(const GemmArgs& a) {
  return a.m <= kFewRows && a.k % 64 == 0 && a.type != DType::f8_e4m3;
}

void gemm_few(const GemmArgs& a, cudaStream_t queue) {
  if (a.m == 0) return;
  a.type == DType::f16 ? launch<__half>(a, queue) : launch<__nv_bfloat16>(a, queue);
}

}  // namespace winnow::cuda
