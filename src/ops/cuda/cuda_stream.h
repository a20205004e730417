// A GPU's queue: kernels in order, and the small arrays of each pass (positions, starts, pages) on
// their way to it. One pass at a time.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "ops/cuda/cuda_memory.h"
#include "tensor/stream.h"

namespace winnow::cuda {

class CudaStream final : public Stream {
 public:
  // Throws kIo when the GPU refuses.
  CudaStream(ThreadPool& pool, CudaMemory& memory);
  ~CudaStream() override;

  cudaStream_t queue() const { return queue_; }
  const Gpu& gpu() const { return memory_.gpu(); }

  // Makes the GPU the thread's own, and forgets the last pass's uploads. The last pass must be
  // over.
  void begin();

  // The values in the GPU's memory, valid until the next begin(): copied through pinned memory in
  // the queue's order, without waiting. Values that this pass has uploaded before are not copied
  // again: a pass asks for the same few arrays in every layer.
  template <typename T>
  const T* upload(std::span<const T> values) {
    return static_cast<const T*>(upload(values.data(), static_cast<int64_t>(values.size_bytes())));
  }

  // Waits until everything in the queue is done. Throws kInternal naming what went wrong.
  void wait();

  // Device memory that lives as long as the stream, at least `bytes`; kept until a larger wish.
  void* workspace(int64_t bytes);
  // Pinned memory of the process for results, at least `bytes`; kept until a larger wish.
  void* landing(int64_t bytes);

 private:
  const void* upload(const void* values, int64_t bytes);
  void add_slab(int64_t bytes);

  struct Slab {  // pinned memory and its twin on the GPU
    std::byte *host = nullptr, *device = nullptr;
    int64_t bytes = 0;
  };
  struct Upload {
    int64_t offset, bytes;
    size_t slab;
  };
  CudaMemory& memory_;
  cudaStream_t queue_ = nullptr;
  std::vector<Slab> slabs_;
  std::vector<Upload> uploads_;
  int64_t used_ = 0;  // of the last slab
  void* workspace_ = nullptr;
  int64_t workspace_bytes_ = 0;
  void* landing_ = nullptr;
  int64_t landing_bytes_ = 0;
};

// Throws kInternal naming the call when CUDA reports an error, kIo when memory is short.
void check(cudaError_t status, const char* call);
// After a launch.
inline void check_launch(const char* kernel) { check(cudaGetLastError(), kernel); }

// Before a launch with more than 48 KiB of shared memory: leave for the kernel to have so many
// bytes on the thread's GPU, which is asked for once. Throws as check does.
void allow_shared_memory(const void* kernel, int bytes);

inline CudaStream& of(Stream& stream) { return static_cast<CudaStream&>(stream); }

}  // namespace winnow::cuda
