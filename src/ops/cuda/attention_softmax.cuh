// The running softmax of attention kernels whose scores lie as the matrix units leave them: lane l
// of a warp holds in s[4 j + 2 h + e] row l / 4 + 8 h of the warp's 16, key 8 j + 2 (l % 4) + e.
// Source: Milakov & Gimelshein 2018, algorithm 3; Dao et al. 2022.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

namespace winnow::cuda {

__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Two values as 16 bits each, `low` in the lower half.
template <typename T>
__device__ __forceinline__ uint32_t pack_pair(float low, float high) {
  uint32_t pair;
  if constexpr (std::is_same_v<T, __half>)
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  else
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

// Scores that count for nothing: their power is exactly 0.
constexpr float kMasked = -__builtin_huge_valf();

// Each row's shift and sum so far. The shift follows the row's largest score only when that has
// grown by more than 2^kSlack: rescaling is then rare. Decided row by row, so that a row's bits do
// not depend on its neighbours'.
struct RunningSoftmax {
  static constexpr float kSlack = 8.0f;
  float top[2] = {kMasked, kMasked};  // in units of scaled scores: powers of 2
  float sum[2] = {0.0f, 0.0f};        // this lane's part

  // Turns scores of a block of keys into 2^(scale * s - shift). Returns whether any row of the warp
  // is to be rescaled; if so, by factor.
  template <int kKeys>
  __device__ __forceinline__ bool add(float (&s)[kKeys / 2], float scale, float (&factor)[2]) {
    float shift[2], before[2];
    bool grew[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float best = fmaxf(s[2 * h], s[2 * h + 1]);
#pragma unroll
      for (int j = 1; j < kKeys / 8; ++j)
        best = fmaxf(best, fmaxf(s[4 * j + 2 * h], s[4 * j + 2 * h + 1]));
      best = fmaxf(best, __shfl_xor_sync(~0u, best, 1));
      best = fmaxf(best, __shfl_xor_sync(~0u, best, 2)) * scale;
      before[h] = top[h];
      grew[h] = best > top[h] + kSlack;
      top[h] = grew[h] ? best : top[h];
      shift[h] = top[h] == kMasked ? 0.0f : -top[h];
    }
    const bool moved = __any_sync(~0u, grew[0] || grew[1]);
    if (moved) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        factor[h] = grew[h] ? exp2_fast(before[h] - top[h]) : 1.0f;
        sum[h] *= factor[h];
      }
    }
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j)
#pragma unroll
      for (int h = 0; h < 2; ++h)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          float& p = s[4 * j + 2 * h + e];
          p = exp2_fast(fmaf(p, scale, shift[h]));
          sum[h] += p;
        }
    return moved;
  }

  // One over the sums of whole rows. A row without keys: 0.
  __device__ __forceinline__ void finish(float (&inverse)[2]) const {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float whole = sum[h] + __shfl_xor_sync(~0u, sum[h], 1);
      whole += __shfl_xor_sync(~0u, whole, 2);
      inverse[h] = whole > 0.0f ? 1.0f / whole : 0.0f;
    }
  }
};

// Masks the keys first_key + ... of a block that are at or past `keys`, or farther than `window`
// (not 0) from each row's place; `place` is that of the lane's first row.
template <int kKeys>
__device__ __forceinline__ void mask_scores(float (&s)[kKeys / 2], int first_key, int keys,
                                            int window, int place, int lane) {
  const int lane_key = first_key + 2 * (lane % 4);
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    int low = 0, high = keys - 1 - lane_key;  // of 8 j + e
    if (window > 0) {
      low = place + 8 * h - window - lane_key;
      high = min(high, place + 8 * h + window - lane_key);
    }
#pragma unroll
    for (int j = 0; j < kKeys / 8; ++j)
#pragma unroll
      for (int e = 0; e < 2; ++e)
        if (8 * j + e > high || (window > 0 && 8 * j + e < low)) s[4 * j + 2 * h + e] = kMasked;
  }
}

}  // namespace winnow::cuda
