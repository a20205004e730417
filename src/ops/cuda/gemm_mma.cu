// The product by mma.sync, sums in one f32 accumulator, 16 of k at a time in order. A ring of
// slices (32 of k) is filled by asynchronous 16-byte copies, which write zeros beyond the edges;
// units of 16 bytes are swizzled by half the row, so that neither the copies nor ldmatrix meet a
// bank twice.
#include <algorithm>

#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/epilogue.cuh"
#include "ops/cuda/gemm_mma.h"
#include "ops/cuda/mma.cuh"

namespace winnow::cuda {
namespace {

constexpr int kSlice = 32;  // of k: rows of 64 bytes

__device__ __forceinline__ void copy_16(uint32_t to, const void* from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
               "r"(there ? 16 : 0)
               : "memory");
}
// Where 16-byte unit `unit` of row `row` lies in a slice.
__device__ __forceinline__ int place(int row, int unit) {
  return row * 64 + ((unit ^ (row >> 1)) & 3) * 16;
}

// A warp sums 16 kHigh rows by 8 kWide columns, kDown x kAcross warps a block.
template <typename T, int kHigh, int kWide, int kDown, int kAcross, int kStages>
__global__ void __launch_bounds__(kDown* kAcross * 32)
    mma_kernel(const T* __restrict__ x, int64_t x_stride, const T* __restrict__ w, int k,
               int m_tiles, int n_tiles, const Epilogue e) {
  constexpr int kRows = 16 * kHigh * kDown, kCols = 8 * kWide * kAcross;
  constexpr int kThreads = 32 * kDown * kAcross;
  constexpr int kBytes = (kRows + kCols) * 64;
  extern __shared__ __align__(128) char raw[];
  const uint32_t base = static_cast<uint32_t>(__cvta_generic_to_shared(raw));
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;

  // bands of eight rows of tiles: what runs together reads the same rows of w
  const int band = blockIdx.x / (8 * n_tiles), inside = blockIdx.x % (8 * n_tiles);
  const int height = min(8, m_tiles - band * 8);
  const int row0 = (band * 8 + inside % height) * kRows, col0 = inside / height * kCols;

  const auto fetch = [&](int slice) {
    const uint32_t to = base + slice % kStages * kBytes;
#pragma unroll
    for (int i = threadIdx.x; i < (kRows + kCols) * 4; i += kThreads) {
      const int line = i / 4, unit = i % 4, c = slice * kSlice + unit * 8;
      const bool of_x = line < kRows;
      const int r = of_x ? row0 + line : col0 + line - kRows;
      const bool there = r < (of_x ? e.m : e.n) && c < k;
      const T* from = of_x ? x + r * x_stride + c : w + int64_t{r} * k + c;
      copy_16(to + place(line, unit), there ? from : x, there);
    }
  };
  const auto commit = [] { asm volatile("cp.async.commit_group;" ::: "memory"); };

  float d[kHigh][4 * kWide];
#pragma unroll
  for (auto& line : d)
#pragma unroll
    for (float& v : line) v = 0;
  const int slices = (k + kSlice - 1) / kSlice;
  for (int s = 0; s < kStages - 1; ++s) {
    if (s < slices) fetch(s);
    commit();
  }
  const int x_line = warp / kAcross * 16 * kHigh + lane % 16;
  const int w_line = kRows + warp % kAcross * 8 * kWide + lane % 8 + lane / 16 * 8;
  for (int s = 0; s < slices; ++s) {
    asm volatile("cp.async.wait_group %0;" ::"n"(kStages - 2) : "memory");
    __syncthreads();  // slice s is there for all, and all are through with slice s - 1
    if (s + kStages - 1 < slices) fetch(s + kStages - 1);
    commit();
    const uint32_t from = base + s % kStages * kBytes;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      uint32_t a[kHigh][4];
#pragma unroll
      for (int i = 0; i < kHigh; ++i)
        load_matrices(a[i], from + place(x_line + 16 * i, 2 * half + lane / 16));
#pragma unroll
      for (int j = 0; j < kWide; j += 2) {
        uint32_t b[4];
        load_matrices(b, from + place(w_line + 8 * j, 2 * half + lane / 8 % 2));
#pragma unroll
        for (int i = 0; i < kHigh; ++i) {
          mma<T>(&d[i][4 * j], a[i], b[0], b[1]);
          mma<T>(&d[i][4 * j + 4], a[i], b[2], b[3]);
        }
      }
    }
  }
  const int row = row0 + warp / kAcross * 16 * kHigh + lane / 4;
  const int col = col0 + warp % kAcross * 8 * kWide + 2 * (lane % 4);
#pragma unroll
  for (int i = 0; i < kHigh; ++i) finish_direct<T, 8 * kWide>(e, d[i], row + 16 * i, col, lane);
}

template <typename T, int kHigh, int kWide, int kDown, int kAcross, int kStages>
void launch(const GemmArgs& a, cudaStream_t stream) {
  constexpr int kRows = 16 * kHigh * kDown, kCols = 8 * kWide * kAcross;
  constexpr int kBytes = kStages * (kRows + kCols) * 64;
  const auto kernel = mma_kernel<T, kHigh, kWide, kDown, kAcross, kStages>;
  if constexpr (kBytes > 48 * 1024)
    allow_shared_memory(reinterpret_cast<const void*>(kernel), kBytes);
  const int m_tiles = static_cast<int>((a.m + kRows - 1) / kRows);
  const int n_tiles = static_cast<int>((a.n + kCols - 1) / kCols);
  kernel<<<m_tiles * n_tiles, 32 * kDown * kAcross, kBytes, stream>>>(
      static_cast<const T*>(a.x), a.x_stride, static_cast<const T*>(a.w), static_cast<int>(a.k),
      m_tiles, n_tiles, epilogue_of(a));
  check_launch("gemm");
}

}  // namespace

void gemm_mma_by(bool wide, const GemmArgs& a, cudaStream_t stream) {
  if (a.m == 0) return;
  const bool half = a.type == DType::f16;
  if (wide)
    half ? launch<__half, 4, 8, 2, 2, 3>(a, stream)
         : launch<__nv_bfloat16, 4, 8, 2, 2, 3>(a, stream);
  else
    half ? launch<__half, 1, 2, 1, 1, 16>(a, stream)
         : launch<__nv_bfloat16, 1, 2, 1, 1, 16>(a, stream);
}

}  // namespace winnow::cuda
