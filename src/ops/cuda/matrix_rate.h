// How fast a GPU multiplies matrices: what speeds are measured against.
#pragma once

#include "tensor/memory.h"

namespace winnow::cuda {

// Floating-point operations a second of a bf16 product of 8192 x 8192 x 8192 on random values, the
// median of some. Takes 0.4 GB for the while. Throws as Memory::allocate.
double matrix_flops(Memory& memory);

}  // namespace winnow::cuda
