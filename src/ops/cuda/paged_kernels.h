// The kernels of paged attention, each launched from a file of its own.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "ops/kernels.h"
#include "tensor/dtype.h"

namespace winnow::cuda {

constexpr int kChunk = 64;  // keys: two pages
constexpr int kChunkPages = kChunk / static_cast<int>(kPageTokens);

// One text's new tokens, as the plan uploads it.
struct PagedText {
  int first, count;  // its new tokens
  int past;          // tokens before them
  int page;          // its first entry in the plan's pages
  __host__ __device__ int length() const { return past + count; }
};

// What every kernel of paged attention is given. Arrays lie in the GPU's memory.
struct PagedArgs {
  const void *q, *k, *v;  // heads [H, T, E], [K, T, E] x 2
  int64_t q_plane, q_row, k_plane, k_row, v_plane, v_row;
  void* out;  // [T, H * E]
  void *k_pages, *v_pages;
  const PagedText* texts;
  const int32_t* pages;
  int tokens, text_count, heads, kv_heads, group, head_size;
  float scale;  // of scores, times log2(e)
};

// 16 or 32 rows a warp, four warps: 64 or 128 rows (token * group + head of the group) of one text
// and kv head.
struct PagedTile {
  PagedText text;  // itself, not its number: a read less before keys are on their way
  int row;
};
void paged_prefill(const PagedArgs& args, DType type, int warp_rows, const PagedTile* tiles,
                   int count, cudaStream_t queue);

constexpr int kDecodeRows = 16;

// Chunks [first, end) of a text whose new rows are at most kDecodeRows. slot -1: all its chunks,
// and the result is `out`; else each chunk's part goes to slot, slot + 1, ...
struct PagedRun {
  PagedText text;
  int first, end, slot;
};
// A text whose chunks were written to slots.
struct PagedSplit {
  int text, slot, chunks, rows;
};
// Each slot has, for each kv head and row, head_size floats in mix and a pair in rows.
struct PagedParts {
  float* mix;    // [slots, K, row_room, E]
  float2* rows;  // [slots, K, row_room]: the largest score, the sum
  int row_room;  // 8 or 16: of all texts of a call
};
void paged_decode(const PagedArgs& args, DType type, const PagedRun* runs, int count,
                  const PagedParts& parts, cudaStream_t queue);
void paged_fold(const PagedArgs& args, DType type, const PagedSplit* splits, int count,
                const PagedParts& parts, cudaStream_t queue);

// Any type, any head size up to 256.
void paged_plain(const PagedArgs& args, DType type, cudaStream_t queue);

}  // namespace winnow::cuda
