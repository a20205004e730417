// What tests of GPU kernels share: one GPU's memory and queue, blocks of its memory, and values of
// the activations' types as bits.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <doctest/doctest.h>

#include <bit>
#include <memory>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "ops/cuda/cuda_stream.h"
#include "tensor/dtype.h"

namespace winnow::test {

struct Gear {  // one GPU, or none
  std::unique_ptr<cuda::CudaMemory> memory;
  ThreadPool pool{1};
  std::unique_ptr<cuda::CudaStream> stream;

  Gear() {
    try {
      memory = std::make_unique<cuda::CudaMemory>(cuda::find_gpu(0));
      stream = std::make_unique<cuda::CudaStream>(pool, *memory);
    } catch (const Error& e) {
      MESSAGE("skipped: " << e.what());
    }
  }
  explicit operator bool() const { return stream != nullptr; }
};

struct Block {  // of the GPU's memory
  cuda::CudaMemory& memory;
  void* data;
  int64_t bytes;
  Block(cuda::CudaMemory& memory, int64_t bytes, int fill)
      : memory(memory), data(memory.allocate(bytes)), bytes(bytes) {
    const std::vector<uint8_t> poison(bytes, static_cast<uint8_t>(fill));
    write(poison.data(), bytes);
  }
  void write(const void* from, int64_t count) const { memory.write(data, from, count); }
  Block(const Block&) = delete;
  ~Block() { memory.release(data); }

  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

inline uint32_t bits_of(float x, DType type) {
  if (type == DType::f16) return __half_as_ushort(__float2half_rn(x));
  if (type == DType::bf16) return __bfloat16_as_ushort(__float2bfloat16_rn(x));
  return std::bit_cast<uint32_t>(x);
}
inline float value_of(uint32_t bits, DType type) {
  if (type == DType::f16) return __half2float(__ushort_as_half(static_cast<uint16_t>(bits)));
  if (type == DType::bf16)
    return __bfloat162float(__ushort_as_bfloat16(static_cast<uint16_t>(bits)));
  return std::bit_cast<float>(bits);
}

}  // namespace winnow::test
