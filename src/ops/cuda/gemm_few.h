// The product for few rows on Hopper: what a step of decoding is made of.
#pragma once

#include "ops/cuda/gemm.h"

namespace winnow::cuda {

// Whether it is the fastest on so many multiprocessors: at most 8 rows of 16-bit types, k a
// multiple of 64, not between one and two groups of 16 outputs a multiprocessor.
bool is_few(const GemmArgs& args, int processors);
void gemm_few(const GemmArgs& args, cudaStream_t queue);

}  // namespace winnow::cuda
