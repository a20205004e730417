// Attention by mma.sync, for compute capability 8.0 on: a warp keeps 16 queries, a block of warps
// walks the text's keys in blocks of 64 that start at its first (Dao 2023). Keys and values come by
// cp.async into two stages of shared memory, 16-byte units swizzled so that ldmatrix has no bank
// conflicts; those past the text's end are zeros.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "ops/cuda/attention_softmax.cuh"
#include "ops/cuda/attention_tiles.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/mma.cuh"

namespace winnow::cuda {
namespace {

constexpr int kKeys = 64;
constexpr float kLog2E = 1.44269504088896340736f;

struct Params {
  const char *q, *k, *v;              // bytes
  int64_t q_plane, k_plane, v_plane;  // bytes
  int64_t q_row, k_row, v_row;
  char* out;
  int64_t out_row;
  const AttentionTile* tiles;
  int heads, window;
  float scale;  // times log2 e
};

template <bool kTransposed>
__device__ __forceinline__ void load_matrices(uint32_t (&r)[4], uint32_t from) {
  if constexpr (kTransposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(from)
                 : "memory");
}

// 16 bytes; zeros when not `there`.
__device__ __forceinline__ void copy_unit(uint32_t to, const void* from, bool there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
               "r"(there ? 16 : 0)
               : "memory");
}

template <int kE>
struct Stage {
  static constexpr int kUnits = kE / 8;  // of 16 bytes, a row
  static constexpr int kMatrix = kKeys * kE * 2;
  static constexpr int kBytes = 2 * kMatrix;
  // Eight rows one below the other meet all 32 banks.
  __device__ static uint32_t offset(int row, int unit) {
    const int turn = kUnits >= 8 ? row % 8 : row / 2 % 4;
    return row * (2 * kE) + 16 * (unit ^ turn);
  }
};

template <int kE, int kWarps>
__device__ __forceinline__ void load_keys(uint32_t stage, const char* k, int64_t k_row,
                                          const char* v, int64_t v_row, int first, int keys) {
  using S = Stage<kE>;
#pragma unroll 4
  for (int i = threadIdx.x; i < kKeys * S::kUnits; i += 32 * kWarps) {
    const int row = i / S::kUnits, unit = i % S::kUnits;
    const bool there = first + row < keys;
    const int64_t at = there ? first + row : 0;
    copy_unit(stage + S::offset(row, unit), k + at * k_row + 16 * unit, there);
    copy_unit(stage + S::kMatrix + S::offset(row, unit), v + at * v_row + 16 * unit, there);
  }
}

template <typename T, int kE, int kWarps, bool kWindow>
__global__ void __launch_bounds__(32 * kWarps, kWarps == 1 ? 8
                                               : kE == 128 ? 2
                                                           : 3) attention_kernel(const Params p) {
  using S = Stage<kE>;
  extern __shared__ __align__(128) char raw[];
  const uint32_t base = static_cast<uint32_t>(__cvta_generic_to_shared(raw));
  const int head = blockIdx.x % p.heads;
  const AttentionTile tile = p.tiles[blockIdx.x / p.heads];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const char* k = p.k + head * p.k_plane + tile.k_row * p.k_row;
  const char* v = p.v + head * p.v_plane + tile.k_row * p.v_row;

  int begin = 0, end = (tile.k_count + kKeys - 1) / kKeys;
  if constexpr (kWindow) {
    begin = max(0, tile.q_place - p.window) / kKeys;
    end = min(end, (tile.q_place + tile.q_count - 1 + p.window) / kKeys + 1);
  }

  const int row = 16 * warp + lane / 4;  // of the tile; the lane's other row is 8 below
  uint32_t q[kE / 16][4];
  {
    const char* at = p.q + head * p.q_plane + tile.q_row * p.q_row;
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const bool there = row + 8 * h < tile.q_count;
      const char* line = at + (row + 8 * h) * p.q_row + 4 * (lane % 4);
#pragma unroll
      for (int i = 0; i < kE / 16; ++i) {
        q[i][h] = there ? *reinterpret_cast<const uint32_t*>(line + 32 * i) : 0;
        q[i][h + 2] = there ? *reinterpret_cast<const uint32_t*>(line + 32 * i + 16) : 0;
      }
    }
  }

  float out[kE / 8][4] = {};
  RunningSoftmax softmax;
  if (begin < end)
    load_keys<kE, kWarps>(base + begin % 2 * S::kBytes, k, p.k_row, v, p.v_row, begin * kKeys,
                          tile.k_count);
  asm volatile("cp.async.commit_group;" ::: "memory");
  for (int block = begin; block < end; ++block) {
    if (block + 1 < end)
      load_keys<kE, kWarps>(base + (block + 1) % 2 * S::kBytes, k, p.k_row, v, p.v_row,
                            (block + 1) * kKeys, tile.k_count);
    asm volatile("cp.async.commit_group;" ::: "memory");
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    __syncthreads();

    const uint32_t keys = base + block % 2 * S::kBytes, values = keys + S::kMatrix;
    float s[kKeys / 2] = {};
#pragma unroll
    for (int i = 0; i < kE / 16; ++i)
#pragma unroll
      for (int j = 0; j < kKeys / 16; ++j) {
        uint32_t b[4];
        load_matrices<false>(
            b, keys + S::offset(16 * j + lane % 8 + 8 * (lane / 16), 2 * i + lane / 8 % 2));
        mma<T>(s + 8 * j, q[i], b[0], b[1]);
        mma<T>(s + 8 * j + 4, q[i], b[2], b[3]);
      }

    const int first_key = block * kKeys;
    if (kWindow || first_key + kKeys > tile.k_count)
      mask_scores<kKeys>(s, first_key, tile.k_count, kWindow ? p.window : 0, tile.q_place + row,
                         lane);
    float factor[2];
    if (softmax.add<kKeys>(s, p.scale, factor)) {
#pragma unroll
      for (int n = 0; n < kE / 8; ++n) {
        out[n][0] *= factor[0], out[n][1] *= factor[0];
        out[n][2] *= factor[1], out[n][3] *= factor[1];
      }
    }
#pragma unroll
    for (int j = 0; j < kKeys / 16; ++j) {
      const float* from = s + 8 * j;
      const uint32_t a[4] = {pack_pair<T>(from[0], from[1]), pack_pair<T>(from[2], from[3]),
                             pack_pair<T>(from[4], from[5]), pack_pair<T>(from[6], from[7])};
#pragma unroll
      for (int n = 0; n < kE / 16; ++n) {
        uint32_t b[4];
        load_matrices<true>(b, values + S::offset(16 * j + lane % 16, 2 * n + lane / 16));
        mma<T>(out[2 * n], a, b[0], b[1]);
        mma<T>(out[2 * n + 1], a, b[2], b[3]);
      }
    }
    __syncthreads();
  }

  float inverse[2];
  softmax.finish(inverse);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    if (row + 8 * h >= tile.q_count) continue;
    char* line = p.out + (tile.q_row + row + 8 * h) * p.out_row + head * (2 * kE) + 4 * (lane % 4);
#pragma unroll
    for (int n = 0; n < kE / 8; ++n)
      *reinterpret_cast<uint32_t*>(line + 16 * n) =
          pack_pair<T>(out[n][2 * h] * inverse[h], out[n][2 * h + 1] * inverse[h]);
  }
}

template <typename T, int kE, int kWarps, bool kWindow>
void launch(const Params& p, int64_t count, cudaStream_t queue) {
  const auto kernel = attention_kernel<T, kE, kWarps, kWindow>;
  constexpr int kShared = 2 * Stage<kE>::kBytes;
  allow_shared_memory(reinterpret_cast<const void*>(kernel), kShared);
  kernel<<<static_cast<unsigned>(count * p.heads), 32 * kWarps, kShared, queue>>>(p);
  check_launch("attention");
}

template <typename T, int kE>
void launch(const Params& p, int64_t count, int height, cudaStream_t queue) {
  if (height == 16)
    p.window ? launch<T, kE, 1, true>(p, count, queue) : launch<T, kE, 1, false>(p, count, queue);
  else
    p.window ? launch<T, kE, 4, true>(p, count, queue) : launch<T, kE, 4, false>(p, count, queue);
}

template <typename T>
void launch(const Params& p, int64_t head_size, int64_t count, int height, cudaStream_t queue) {
  if (head_size == 32)
    launch<T, 32>(p, count, height, queue);
  else if (head_size == 64)
    launch<T, 64>(p, count, height, queue);
  else
    launch<T, 128>(p, count, height, queue);
}

bool aligned(const HeadsView& heads) {
  return reinterpret_cast<uintptr_t>(heads.data) % 16 == 0 && heads.plane % 8 == 0 &&
         heads.row % 8 == 0;
}

}  // namespace

bool fits_attention_mma(const AttentionArgs& a) {
  return (a.type == DType::f16 || a.type == DType::bf16) &&
         (a.head_size == 32 || a.head_size == 64 || a.head_size == 128) && aligned(a.q) &&
         aligned(a.k) && aligned(a.v) && reinterpret_cast<uintptr_t>(a.out) % 4 == 0;
}

void attention_mma(const AttentionArgs& a, const AttentionTile* tiles, int64_t count, int height,
                   cudaStream_t queue) {
  const Params p{static_cast<const char*>(a.q.data),
                 static_cast<const char*>(a.k.data),
                 static_cast<const char*>(a.v.data),
                 2 * a.q.plane,
                 2 * a.k.plane,
                 2 * a.v.plane,
                 2 * a.q.row,
                 2 * a.k.row,
                 2 * a.v.row,
                 static_cast<char*>(a.out),
                 2 * a.heads * a.head_size,
                 tiles,
                 static_cast<int>(a.heads),
                 static_cast<int>(std::min<int64_t>(a.window, 1 << 30)),
                 a.scale * kLog2E};
  if (a.type == DType::f16)
    launch<__half>(p, a.head_size, count, height, queue);
  else
    launch<__nv_bfloat16>(p, a.head_size, count, height, queue);
}

}  // namespace winnow::cuda
