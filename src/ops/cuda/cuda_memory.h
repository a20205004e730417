// One GPU and its memory.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include "tensor/memory.h"

namespace winnow::cuda {

// Kernels of products that are left out on a GPU (gemm.h), a bit each, by the products' type: what
// the self test found (gemm_self_test.h).
struct LeftOut {
  uint32_t bf16 = 0, f16 = 0, f8 = 0;
};

struct Gpu {
  int ordinal = 0;
  std::string name;                                          // "NVIDIA H100 80GB HBM3"
  int major = 0, minor = 0;                                  // compute capability
  int processors = 0;                                        // streaming multiprocessors
  int64_t memory_bytes = 0, l2_bytes = 0, shared_bytes = 0;  // shared: a block's most

  LeftOut left_out;

  bool hopper() const { return major == 9 && minor == 0; }
};

// Throws kUnsupported saying what is missing: a driver, one new enough, a GPU of this number, one
// of compute capability 8.0.
Gpu find_gpu(int ordinal);

class CudaMemory final : public Memory {
 public:
  explicit CudaMemory(Gpu gpu) : gpu_(std::move(gpu)) {}
  ~CudaMemory() override;

  const Gpu& gpu() const { return gpu_; }

  void* allocate(int64_t bytes) override;  // throws kOverloaded when the GPU's memory is full
  void release(void* memory) noexcept override;
  void write(void* to, const void* from, int64_t bytes) override;
  void read(void* to, const void* from, int64_t bytes) const override;
  bool is_host() const override { return false; }

  int64_t allocated_bytes() const { return allocated_; }
  int64_t free_bytes() const;  // that allocate may still give
  // allocate fails beyond it, as if the GPU were full. 0: only the GPU's own limit.
  void limit(int64_t bytes) { limit_ = bytes; }

 private:
  Gpu gpu_;
  std::atomic<int64_t> allocated_{0}, limit_{0};
  std::mutex mutex_;
  std::unordered_map<void*, int64_t> sizes_;
};

}  // namespace winnow::cuda
