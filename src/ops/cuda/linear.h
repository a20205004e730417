// Linear layers on GPUs: a packed layer's product, by the type of its weights.
#pragma once

#include "ops/kernels.h"

namespace winnow::cuda {

// The table's entry for f16 and bf16 weights.
void linear_16bit(const LinearArgs& args, Stream& stream);

}  // namespace winnow::cuda
