// Causal attention over keys and values in pages.
#pragma once

#include <cstdint>

#include "ops/kernels.h"

namespace winnow::cuda {

// Bytes of one head's keys of a page, or values, [32][head_size], by the size of activations.
inline int64_t page_bytes_16bit(int64_t head_size) { return kPageTokens * head_size * 2; }
inline int64_t page_bytes_32bit(int64_t head_size) { return kPageTokens * head_size * 4; }

// Writes the new tokens' keys and values into their pages (where they lie there already, appended,
// k and v are not read), then attends. A token's bits depend on
// its text's tokens up to it alone (paged_chunk.cuh says why): not on the other texts, nor on how
// many tokens a call brings, nor on who wrote the earlier ones, nor on the pages' numbers.
//   16-bit heads of 64 and 128 run on matrix units: texts of few new rows (tokens x heads of a
//   group) split their keys over blocks, others their rows. Heads of other sizes and f32: a plain
//   kernel, a warp a query.
// Source: Dao 2023 (FlashAttention-2), Ainslie et al. 2023 (grouped queries).
void cached_attention(const CachedAttentionArgs& args, Stream& stream);

}  // namespace winnow::cuda
