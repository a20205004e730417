// Linear layers on GPUs: a packed layer's product, by the type of its weights.
#pragma once

#include "ops/kernels.h"

namespace winnow::cuda {

// The table's entries for f16 and bf16 weights, and for f8 ones: x without a copy in 8 bits gets
// one here.
void linear_16bit(const LinearArgs& args, Stream& stream);
void linear_f8(const LinearArgs& args, Stream& stream);

}  // namespace winnow::cuda
