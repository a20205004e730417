// The work of attention kernels as a list: what a block of threads computes for each head.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>

#include "ops/kernels.h"

namespace winnow::cuda {

// Some consecutive queries of one text, and all keys of it.
struct AttentionTile {
  int32_t q_row;    // of the matrix of queries: the tile's first
  int32_t q_count;  // 1 to the tile's height
  int32_t q_place;  // the first query's place in its text
  int32_t k_row;    // of the matrices of keys and values: the text's first
  int32_t k_count;  // the text's keys
};

// Tiles of at most `height` queries that start at multiples of it in each text; those of many keys
// first. Texts without queries have none. After the tiles one of zeros: the counters of kernels
// that take tile after tile, which they leave as zeros. Valid until the thread asks for four other
// lists: a pass asks for the same one or two in every layer.
std::span<const AttentionTile> attention_tiles(std::span<const int32_t> q_starts,
                                               std::span<const int32_t> k_starts, int height);

// The kernels. `tiles` are on the GPU, in attention_tiles' order. A row's bits depend on the kernel
// and the row's text alone, so the choice of a kernel must not depend on anything else; but those
// of attention_mma and attention_wgmma are the same.

// Any head size up to 256, any type; sums and exponentials in f32. Tiles of any height. For what no
// faster kernel takes, and for checking those.
void attention_plain(const AttentionArgs& args, const AttentionTile* tiles, int64_t count,
                     int height, cudaStream_t queue);

// f16 and bf16, head sizes 32, 64 and 128, rows aligned to 16 bytes. Tiles of 64 queries, or of 16.
bool fits_attention_mma(const AttentionArgs& args);
void attention_mma(const AttentionArgs& args, const AttentionTile* tiles, int64_t count, int height,
                   cudaStream_t queue);

// On Hopper, the same types and head sizes, heads as columns of rows (plane = head size). Tiles of
// attention_wgmma_height queries. `processors`: multiprocessors.
bool fits_attention_wgmma(const AttentionArgs& args);
int attention_wgmma_height(int64_t head_size);
void attention_wgmma(const AttentionArgs& args, const AttentionTile* tiles, int64_t count,
                     int processors, cudaStream_t queue);

}  // namespace winnow::cuda
