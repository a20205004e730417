// Stands in for ops/cuda where winnow is built without it.
#include "base/error.h"
#include "ops/cuda_kernels.h"

namespace winnow {

CudaDevices cuda_devices() { return {0, "this winnow was built without CUDA"}; }

const Kernels& cuda_kernels(int ordinal, DType, bool) {
  fail(Code::kUnsupported, "cuda:", ordinal, ": this winnow was built without CUDA");
}

std::vector<std::pair<std::string, std::string>> cuda_kernel_report(int) { return {}; }

void cuda_memory_limit(int, int64_t) {}
int64_t cuda_memory_used(int) { return 0; }
int64_t cuda_memory_total(int) { return 0; }

}  // namespace winnow
