// The one order in which paged attention adds things up, for every kernel of 16-bit heads.
//
// A text's keys fall into chunks of kChunk from its absolute position 0. Each chunk is softened by
// itself: the scores' largest, the exponentials below it, their sum, and the mix of values in f32
// from zero. Then the chunks are folded from the left, one after another. A chunk's part depends on
// nothing but its keys and the query, so chunks may be computed by one warp or by many, in one
// kernel or in two, and a token has the same bits whether it is computed alone, within a chunk of a
// prompt, or behind a beginning that another request computed. All arithmetic that decides bits is
// in this file, with explicit roundings.
//
// Keys that a query does not see have the score -inf and the probability 0, which adds exact zeros;
// a chunk of which it sees nothing is folded with the factors 1 and 0.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cmath>
#include <cstdint>

#include "ops/cuda/attention_softmax.cuh"
#include "ops/cuda/paged_kernels.h"

namespace winnow::cuda {

// The text that a token of the batch belongs to.
__device__ inline int text_at(const PagedArgs& a, int token) {
  int low = 0, high = a.text_count - 1;
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (a.texts[middle].first <= token)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

__device__ inline uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// 16 bytes, or zeros where not `valid`.
__device__ inline void copy_async(uint32_t to, const void* from, bool valid) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from),
               "r"(valid ? 16 : 0)
               : "memory");
}
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int kPending>
__device__ inline void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

__device__ inline void load_matrices(uint32_t (&r)[4], uint32_t at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}
__device__ inline void load_transposed(uint32_t (&r)[4], uint32_t at) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at)
               : "memory");
}

// d += a b: 16 x 16 by 16 x 8.
template <typename T>
__device__ inline void multiply(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  if constexpr (std::is_same_v<T, __half>)
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
  else
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Rows of E 16-bit values in shared memory, their 16-byte units swapped so that eight rows' same
// unit lies in eight different banks. Memory begins at multiples of 128 bytes.
template <int E>
__device__ inline uint32_t unit_at(int row, int unit) {
  return static_cast<uint32_t>(row * E * 2 + (unit ^ (row & 7)) * 16);
}
// From the address of a row's unit u to that of its unit u + step, where no bit is in both.
__device__ inline uint32_t units_on(uint32_t at, int step) {
  return (at ^ static_cast<uint32_t>(step % 8 * 16)) + static_cast<uint32_t>(step / 8 * 128);
}
// From the address of a unit of row r to that of row r + step, where no bit is in both.
template <int E>
__device__ inline uint32_t rows_on(uint32_t at, int step) {
  return (at ^ static_cast<uint32_t>(step % 8 * 16)) + static_cast<uint32_t>(step * E * 2);
}

// Copies a chunk's keys, or values, of one head into [kChunk][E] at `to`: zeros from `length` on,
// so that what a page held before cannot matter.
template <int E, int kThreads>
__device__ inline void load_chunk(uint32_t to, const void* pages, const PagedArgs& a,
                                  const PagedText& text, int head, int chunk, int thread) {
  constexpr int kUnits = E / 8, kPage = static_cast<int>(kPageTokens), kStep = kThreads / kUnits;
  static_assert(kThreads % kUnits == 0 && kPage % kStep == 0);
  const int key = thread / kUnits, unit = thread % kUnits;
  const int last_page = (text.length() - 1) / kPage;
  const int left = text.length() - chunk * kChunk - key;
  to += unit_at<E>(key, unit);
#pragma unroll
  for (int i = 0; i < kChunkPages; ++i) {
    const int64_t page = a.pages[text.page + min(chunk * kChunkPages + i, last_page)];
    const char* from = static_cast<const char*>(pages) +
                       ((page * a.kv_heads + head) * kPage + key) * (E * 2) + unit * 16;
#pragma unroll
    for (int step = 0; step < kPage; step += kStep)
      copy_async(rows_on<E>(to, i * kPage + step), from + step * E * 2, i * kPage + step < left);
  }
}

// The registers of mma m16n8k16: of 16 rows a thread has rows lane / 4 and lane / 4 + 8, and of 8
// columns 2 * (lane % 4) and the next.

// scores[r][n] = q k^T for kRows times 16 queries and 64 keys. queries(q, k) loads the queries'
// columns [16 k, 16 k + 16). kWhole: all keys; else only those below `seen`, and the others' scores
// are -inf.
template <typename T, int E, int kRows, bool kWhole = true, typename Queries>
__device__ inline void score_chunk(float (&scores)[kRows][kChunk / 8][4], uint32_t keys,
                                   Queries queries, int seen = kChunk) {
  const int lane = threadIdx.x % 32;
  const uint32_t at = keys + unit_at<E>(lane % 8 + lane / 16 * 8, lane / 8 % 2);
#pragma unroll
  for (int r = 0; r < kRows; ++r)
#pragma unroll
    for (int n = 0; n < kChunk / 8; ++n)
#pragma unroll
      for (int i = 0; i < 4; ++i) scores[r][n][i] = kWhole || n / 2 * 16 < seen ? 0.0f : -INFINITY;
#pragma unroll
  for (int k = 0; k < E / 16; ++k) {
    uint32_t q[kRows][4];
    queries(q, k);
#pragma unroll
    for (int n = 0; n < kChunk / 16; ++n) {
      if (!kWhole && n * 16 >= seen) break;
      uint32_t b[4];
      load_matrices(b, units_on(at, 2 * k) + n * 16 * E * 2);
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        multiply<T>(scores[r][2 * n], q[r], b[0], b[1]);
        multiply<T>(scores[r][2 * n + 1], q[r], b[2], b[3]);
      }
    }
  }
}

// Keys after position.x are not seen by the thread's first row, after position.y by its second.
__device__ inline void mask_chunk(float (&scores)[kChunk / 8][4], int2 position, int first_key) {
  const int column = threadIdx.x % 4 * 2 + first_key;
#pragma unroll
  for (int n = 0; n < kChunk / 8; ++n)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (column + n * 8 + i % 2 > (i < 2 ? position.x : position.y)) scores[n][i] = -INFINITY;
}

// Of a row: the largest score and the sum of exponentials below it.
struct Softened {
  float max, sum;
};

// Scores to probabilities of 16 bits, as the left operand of the mix; the sum is of the values
// before their rounding.
template <typename T>
__device__ inline void soften_chunk(const float (&scores)[kChunk / 8][4], float scale,
                                    uint32_t (&p)[kChunk / 16][4], Softened (&rows)[2]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float most = scores[0][2 * h];
#pragma unroll
    for (int n = 0; n < kChunk / 8; ++n)
      most = fmaxf(most, fmaxf(scores[n][2 * h], scores[n][2 * h + 1]));
    most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
    most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
    const float base = most == -INFINITY ? 0.0f : __fmul_rn(most, scale);
    float sum = 0.0f;
#pragma unroll
    for (int n = 0; n < kChunk / 8; ++n) {
      const float x = exp2_fast(__fmaf_rn(scores[n][2 * h], scale, -base));
      const float y = exp2_fast(__fmaf_rn(scores[n][2 * h + 1], scale, -base));
      sum = __fadd_rn(sum, __fadd_rn(x, y));
      p[n / 2][n % 2 * 2 + h] = pack_pair<T>(x, y);
    }
    sum = __fadd_rn(sum, __shfl_xor_sync(~0u, sum, 1));
    sum = __fadd_rn(sum, __shfl_xor_sync(~0u, sum, 2));
    rows[h] = {most, sum};
  }
}

// The mix of the chunk's values for columns [16 n, 16 n + 16): two tiles of 8. kWhole: all keys;
// else those below `seen` in steps of 16, as the others' probabilities are 0 and leave sums alone.
template <typename T, int E, int kRows, bool kWhole = true>
__device__ inline void mix_chunk(float (&mix)[kRows][2][4],
                                 const uint32_t (&p)[kRows][kChunk / 16][4], uint32_t values, int n,
                                 int seen = kChunk) {
  const int lane = threadIdx.x % 32;
  const uint32_t at = units_on(values + unit_at<E>(lane % 16, lane / 16), 2 * n);
#pragma unroll
  for (int r = 0; r < kRows; ++r)
#pragma unroll
    for (int i = 0; i < 4; ++i) mix[r][0][i] = mix[r][1][i] = 0.0f;
#pragma unroll
  for (int k = 0; k < kChunk / 16; ++k) {
    if (!kWhole && k * 16 >= seen) break;
    uint32_t b[4];
    load_transposed(b, at + k * 16 * E * 2);
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      multiply<T>(mix[r][0], p[r][k], b[0], b[1]);
      multiply<T>(mix[r][1], p[r][k], b[2], b[3]);
    }
  }
}

// Folding a chunk into what came before it: chunk * now + (mix * before), and the same for the sum.
// From max -inf, sum and mix 0 the first chunk's part comes out as it is. Factors of exactly 1
// multiply nothing, and may be left out.
struct Fold {
  float before, now;
};
__device__ inline Fold fold_of(float& max, float chunk_max, float scale) {
  const float most = fmaxf(max, chunk_max);
  const Fold fold{exp2_fast(__fmul_rn(__fsub_rn(max, most), scale)),
                  exp2_fast(__fmul_rn(__fsub_rn(chunk_max, most), scale))};
  max = most;
  return fold;
}
__device__ inline float folded(float before, float chunk, Fold fold) {
  return __fmaf_rn(chunk, fold.now, __fmul_rn(before, fold.before));
}
// The factor that ends a row.
__device__ inline float inverse_of(float sum) { return __frcp_rn(sum); }

}  // namespace winnow::cuda
