// The self test of products at start: whether every kernel among which gemm picks gives a row the
// same bits, alone and among any number of rows. That is a property of a GPU's matrix units, which
// nobody promises, measured on some and checked on each.
#pragma once

#include <string>
#include <vector>

#include "ops/cuda/cuda_memory.h"
#include "tensor/dtype.h"

namespace winnow::cuda {

struct GemmVerdict {
  DType type;  // of the products: bf16, f16; f8_e4m3 where the GPU has kernels for it
  int tested = 0;
  std::vector<std::string> left_out;  // kernels: "mma.sync 128 x 128", "few rows", "wgmma 64 x 32"
  uint32_t without = 0;               // the same for gemm; all bits where no kernel is left
};

// Some tens of milliseconds, and 3 MB of the GPU's memory meanwhile. Throws as CudaMemory and gemm.
std::vector<GemmVerdict> test_products(const Gpu& gpu);

// One line for the GPU's owner: "11 of 11 kernels of products in bf16, ... give a row the same bits
// ...".
std::string report_of(const std::vector<GemmVerdict>& verdicts);
// What to warn of, a line each; none where nothing is left out.
std::vector<std::string> warnings_of(const std::vector<GemmVerdict>& verdicts);

}  // namespace winnow::cuda
