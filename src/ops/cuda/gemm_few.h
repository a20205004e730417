// The product for few rows on Hopper: what a step of decoding is made of.
#pragma once

#include "ops/cuda/gemm.h"

namespace winnow::cuda {

constexpr int64_t kFewRows = 8;

// Whether these arguments are for it: 1 to 8 rows of 16-bit types, k a multiple of 64.
bool is_few(const GemmArgs& args);
void gemm_few(const GemmArgs& args, cudaStream_t queue);

}  // namespace winnow::cuda
