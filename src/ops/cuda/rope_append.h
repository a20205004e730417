// Between a decoder layer's packed product and its attention, one pass: norms of heads, rotation,
// and keys and values into their pages.
#pragma once

#include <cstdint>

#include "ops/kernels.h"

namespace winnow::cuda {

// Whether rope_append has heads of this size: powers of two, of 8 to 32 pieces of 16 bytes.
bool can_rope_append(int64_t head_size, DType type);

// Rotates q in place, writes rotated keys, and values as they are, into their pages, then does the
// table's copies; the k and v columns of qkv stay as they were.
//   The same bits as rms_norm, rope and the appending of cached_attention one after another. What
//   is rounded where: sums of squares, the root and the two products of a norm are f32, and their
//   result is rounded to `type`, as the norm's tensor would be; the rotation multiplies that and is
//   rounded once more; what goes into a page is that value, copied.
// Throws kInternal for a head size that can_rope_append denies. Source: Su et al. 2021, eq. 34;
// Zhang & Sennrich 2019, eq. 4.
void rope_append(const RopeAppendArgs& args, Stream& stream);

}  // namespace winnow::cuda
