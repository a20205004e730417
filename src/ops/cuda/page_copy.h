// Tokens of a part full page to the beginning of another, where a text goes on.
#pragma once

#include <cstdint>

#include "ops/cuda/cuda_stream.h"
#include "ops/kernels.h"

namespace winnow::cuda {

// table.copies in one layer's pages, in one launch; behind what writes the batch's own tokens.
void copy_in_pages(const KvPages& cache, const PageTable& table, DType type, CudaStream& stream);

}  // namespace winnow::cuda
