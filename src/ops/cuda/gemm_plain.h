// The product for shapes that the copy engine cannot read: odd widths, unaligned rows.
#pragma once

#include "ops/cuda/gemm.h"

namespace winnow::cuda {

// f32 sums in order of k, one fused multiply-add each; a row's bits do not depend on m.
void gemm_plain(const GemmArgs& args, cudaStream_t stream);

}  // namespace winnow::cuda
