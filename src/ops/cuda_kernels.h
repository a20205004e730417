// The GPUs' kernels as tables.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ops/kernels.h"

namespace winnow {

// How many GPUs can be used; with none, why not: "built without CUDA", "no NVIDIA driver", ...
struct CudaDevices {
  int count = 0;
  std::string why_none;
};
CudaDevices cuda_devices();

// The table of one GPU; lives for ever. The first one of a GPU tests its products for some tens of
// milliseconds, and says on stderr which kernels are left out. activations: f32 (for checking), f16
// or bf16. Throws kUnsupported saying what is missing: CUDA in this build, a driver, a GPU of this
// number. eighths: norms give a copy in 8 bits, for models of f8 weights.
const Kernels& cuda_kernels(int ordinal, DType activations, bool eighths = false);

// Memory that winnow takes of one GPU: at most `bytes` (0: as much as there is), and what it has.
// Asking for more throws kOverloaded.
void cuda_memory_limit(int ordinal, int64_t bytes);
int64_t cuda_memory_used(int ordinal);
int64_t cuda_memory_total(int ordinal);

// Kernel by kernel, what runs on that GPU, for `winnow doctor`.
std::vector<std::pair<std::string, std::string>> cuda_kernel_report(int ordinal);

}  // namespace winnow
