// Attention on GPUs.
#pragma once

#include "ops/kernels.h"

namespace winnow::cuda {

// The table's entry: softmax(q k^T * scale) v of each text and head, every query over the keys of
// its own text (within the window). f32, f16 or bf16, head sizes up to 256. A row's bits depend on
// its text alone: not on the other texts, their order, nor on how many of its queries are asked
// for. Throws kUnsupported for other head sizes.
void attention(const AttentionArgs& args, Stream& stream);

}  // namespace winnow::cuda
