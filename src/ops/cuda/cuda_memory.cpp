#include "ops/cuda/cuda_memory.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "base/error.h"
#include "ops/cuda/cuda_stream.h"

namespace winnow::cuda {
namespace {

// CUDA's version 13000 as 13.0.
std::string version_text(int version) { return cat(version / 1000, '.', version % 1000 / 10); }

}  // namespace

void check(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // a fault of this call is not to be seen as the next one's
  if (status == cudaErrorMemoryAllocation)
    fail(Code::kOverloaded, call, ": the GPU's memory is full");
  fail(Code::kInternal, call, ": ", cudaGetErrorString(status));
}

Gpu find_gpu(int ordinal) {
  int driver = 0, runtime = 0, count = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  if (driver == 0) fail(Code::kUnsupported, "cuda: there is no NVIDIA driver");
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver)
    fail(Code::kUnsupported, "cuda: want a driver for CUDA ", version_text(runtime),
         ", got one for ", version_text(driver));
  if (status != cudaSuccess || count == 0) {
    cudaGetLastError();
    fail(Code::kUnsupported, "cuda: there is no GPU",
         status == cudaSuccess ? "" : cat(" (", cudaGetErrorString(status), ')'));
  }
  if (ordinal < 0 || ordinal >= count)
    fail(Code::kUnsupported, "cuda:", ordinal, ": want a GPU below ", count);
  cudaDeviceProp p{};
  check(cudaGetDeviceProperties(&p, ordinal), "cudaGetDeviceProperties");
  if (p.major < 8)
    fail(Code::kUnsupported, "cuda:", ordinal, ": want compute capability 8.0 or newer, got ",
         p.major, '.', p.minor, " (", p.name, ')');
  return {.ordinal = ordinal,
          .name = p.name,
          .major = p.major,
          .minor = p.minor,
          .processors = p.multiProcessorCount,
          .memory_bytes = static_cast<int64_t>(p.totalGlobalMem),
          .l2_bytes = p.l2CacheSize,
          .shared_bytes = static_cast<int64_t>(p.sharedMemPerBlockOptin)};
}

CudaMemory::~CudaMemory() = default;

void* CudaMemory::allocate(int64_t bytes) {
  check(cudaSetDevice(gpu_.ordinal), "cudaSetDevice");
  if (limit_ > 0 && allocated_ + bytes > limit_)
    fail(Code::kOverloaded, "cuda:", gpu_.ordinal, ": want ", bytes, " bytes more, got ",
         limit_ - allocated_, " of ", limit_, " left");
  void* memory = nullptr;
  check(cudaMalloc(&memory, static_cast<size_t>(std::max<int64_t>(bytes, 1))), "cudaMalloc");
  std::lock_guard lock(mutex_);
  sizes_[memory] = bytes;
  allocated_ += bytes;
  return memory;
}

void CudaMemory::release(void* memory) noexcept {
  cudaFree(memory);
  std::lock_guard lock(mutex_);
  const auto size = sizes_.find(memory);
  if (size == sizes_.end()) return;
  allocated_ -= size->second;
  sizes_.erase(size);
}

void CudaMemory::write(void* to, const void* from, int64_t bytes) {
  check(cudaSetDevice(gpu_.ordinal), "cudaSetDevice");
  check(cudaMemcpy(to, from, static_cast<size_t>(bytes), cudaMemcpyHostToDevice), "cudaMemcpy");
  // From memory that is not pinned it may return while the last bytes are on their way, and queues
  // do not wait for it.
  check(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize");
}

void CudaMemory::read(void* to, const void* from, int64_t bytes) const {
  check(cudaSetDevice(gpu_.ordinal), "cudaSetDevice");
  check(cudaMemcpy(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost), "cudaMemcpy");
}

}  // namespace winnow::cuda
