// The product on GPUs before Hopper (compute capability 8.0 and up); it also runs on Hopper, where
// its sums have been compared with wgmma's.
#pragma once

#include "ops/cuda/gemm.h"

namespace winnow::cuda {

// By the wide tile (of 128 x 128) or the narrow one (16 x 16). n and k multiples of 8, rows of x
// and w at 16 bytes, pairs of out's columns at one word.
void gemm_mma_by(bool wide, const GemmArgs& args, cudaStream_t stream);

}  // namespace winnow::cuda
