// Attention in plain f32 arithmetic: a warp a query, keys in blocks of 32 that start at the text's
// first, a key a lane for the scores, then a column a lane for the values.
// ptxas: may spill, because a head of 256 columns in f32 stays in registers, and this kernel is for checking alone.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cstdint>

#include "ops/cuda/attention_tiles.h"
#include "ops/cuda/cuda_stream.h"

namespace winnow::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kMostColumns = 8;  // a lane
constexpr float kLog2E = 1.44269504088896340736f;

template <typename T>
struct Heads {
  const T* data;
  int64_t plane, row;
};

template <typename T>
struct Params {
  Heads<T> q, k, v;
  T* out;
  const AttentionTile* tiles;
  int height, heads, head_size, window;
  float scale;  // times log2 e
};

__device__ float widen(float x) { return x; }
__device__ float widen(__half x) { return __half2float(x); }
__device__ float widen(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ void narrow(float* to, float x) { *to = x; }
__device__ void narrow(__half* to, float x) { *to = __float2half_rn(x); }
__device__ void narrow(__nv_bfloat16* to, float x) { *to = __float2bfloat16_rn(x); }

template <bool kMax>
__device__ float reduce(float x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) {
    const float other = __shfl_xor_sync(~0u, x, step);
    x = kMax ? fmaxf(x, other) : x + other;
  }
  return x;
}

template <typename T>
__global__ void __launch_bounds__(32 * kWarps, 4) attention_kernel(const Params<T> p) {
  __shared__ float queries[kWarps][32 * kMostColumns];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int head = blockIdx.x % p.heads;
  const AttentionTile tile = p.tiles[blockIdx.x / p.heads];
  const int size = p.head_size, hidden = p.heads * size;
  float* q = queries[warp];
  const T* k = p.k.data + head * p.k.plane + tile.k_row * p.k.row;
  const T* v = p.v.data + head * p.v.plane + tile.k_row * p.v.row;

  for (int row = warp; row < tile.q_count; row += kWarps) {
    const T* query = p.q.data + head * p.q.plane + (tile.q_row + row) * p.q.row;
    for (int e = lane; e < size; e += 32) q[e] = widen(query[e]) * p.scale;
    __syncwarp();
    const int place = tile.q_place + row;
    int begin = 0, end = tile.k_count;
    if (p.window) begin = max(0, place - p.window), end = min(end, place + p.window + 1);

    float out[kMostColumns] = {};
    float top = -3.0e38f, sum = 0.0f;
    for (int block = begin / 32 * 32; block < end; block += 32) {
      const int key = block + lane;
      const bool seen = key >= begin && key < end;
      float score = 0.0f;
      if (seen)
#pragma unroll 2
        for (int e = 0; e < size; ++e) score = fmaf(q[e], widen(k[key * p.k.row + e]), score);
      const float highest = fmaxf(top, reduce<true>(seen ? score : -3.0e38f));
      const float factor = exp2f(top - highest);
      const float power = seen ? exp2f(score - highest) : 0.0f;
      top = highest;
      sum = fmaf(sum, factor, reduce<false>(power));
#pragma unroll
      for (int c = 0; c < kMostColumns; ++c) out[c] *= factor;
      const int last = min(32, end - block);
      for (int j = max(0, begin - block); j < last; ++j) {
        const float weight = __shfl_sync(~0u, power, j);
        const T* value = v + (block + j) * p.v.row;
#pragma unroll
        for (int c = 0; c < kMostColumns; ++c)
          if (lane + 32 * c < size) out[c] = fmaf(weight, widen(value[lane + 32 * c]), out[c]);
      }
    }
    T* to = p.out + (tile.q_row + row) * static_cast<int64_t>(hidden) + head * size;
#pragma unroll
    for (int c = 0; c < kMostColumns; ++c)
      if (lane + 32 * c < size) narrow(to + lane + 32 * c, sum > 0.0f ? out[c] / sum : 0.0f);
    __syncwarp();
  }
}

template <typename T>
void launch(const AttentionArgs& a, const AttentionTile* tiles, int64_t count, int height,
            cudaStream_t queue) {
  const auto heads = [](const HeadsView& view) {
    return Heads<T>{static_cast<const T*>(view.data), view.plane, view.row};
  };
  const Params<T> p{heads(a.q),
                    heads(a.k),
                    heads(a.v),
                    static_cast<T*>(a.out),
                    tiles,
                    height,
                    static_cast<int>(a.heads),
                    static_cast<int>(a.head_size),
                    static_cast<int>(std::min<int64_t>(a.window, 1 << 30)),
                    a.scale * kLog2E};
  attention_kernel<T><<<static_cast<unsigned>(count * a.heads), 32 * kWarps, 0, queue>>>(p);
  check_launch("attention, plain");
}

}  // namespace

void attention_plain(const AttentionArgs& a, const AttentionTile* tiles, int64_t count, int height,
                     cudaStream_t queue) {
  if (a.type == DType::f32)
    launch<float>(a, tiles, count, height, queue);
  else if (a.type == DType::f16)
    launch<__half>(a, tiles, count, height, queue);
  else
    launch<__nv_bfloat16>(a, tiles, count, height, queue);
}

}  // namespace winnow::cuda
