// What the tests of GPU kernels share: a queue on the first GPU, and arrays there with a guard
// behind them, filled from floats that are rounded to the array's type first.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "ops/cuda/cuda_memory.h"
#include "ops/cuda/cuda_stream.h"
#include "tensor/dtype.h"

namespace winnow::test {

struct GpuRig {
  ThreadPool pool{1};
  cuda::CudaMemory memory{cuda::find_gpu(0)};
  cuda::CudaStream stream{pool, memory};
};

// Null, said once, where there is no GPU.
inline GpuRig* gpu_rig() {
  static const std::unique_ptr<GpuRig> rig = []() -> std::unique_ptr<GpuRig> {
    try {
      return std::make_unique<GpuRig>();
    } catch (const Error& error) {
      MESSAGE("skipped: " << std::string(error.what()));
      return nullptr;
    }
  }();
  if (rig) rig->stream.begin();
  return rig.get();
}

inline uint16_t half_bits(float x, DType type) {
  uint16_t bits;
  if (type == DType::f16) {
    const __half h = __float2half_rn(x);
    std::memcpy(&bits, &h, 2);
  } else {
    const __nv_bfloat16 h = __float2bfloat16_rn(x);
    std::memcpy(&bits, &h, 2);
  }
  return bits;
}

inline float float_of(const std::byte* p, DType type) {
  if (type == DType::f32) {
    float x;
    std::memcpy(&x, p, 4);
    return x;
  }
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  if (type == DType::f16) {
    __half_raw raw;
    raw.x = bits;
    return __half2float(raw);
  }
  __nv_bfloat16_raw raw;
  raw.x = bits;
  return __bfloat162float(raw);
}

inline std::vector<float> random_values(int64_t count, uint32_t seed, float deviation = 1.0f,
                                        float mean = 0.0f) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> even(-1.7320508f, 1.7320508f);  // deviation 1, and quick
  std::vector<float> out(count);
  for (float& v : out) v = even(random) * deviation + mean;
  return out;
}

// Elements of a type on the GPU; `guard` bytes behind them must stay as they are.
class Array {
 public:
  static constexpr int64_t kGuard = 256;
  static constexpr int kPoison = 0xFF;  // a NaN in every float type

  // Poisoned.
  Array(GpuRig& rig, DType type, int64_t count) : rig_(rig), type_(type), count_(count) {
    data_ = rig.memory.allocate(bytes() + kGuard);
    poison();
  }
  Array(GpuRig& rig, DType type, const std::vector<float>& values)
      : Array(rig, type, static_cast<int64_t>(values.size())) {
    std::vector<std::byte> raw(bytes());
    for (int64_t i = 0; i < count_; ++i) {
      if (type == DType::f32) {
        std::memcpy(raw.data() + 4 * i, &values[i], 4);
      } else {
        const uint16_t bits = half_bits(values[i], type);
        std::memcpy(raw.data() + 2 * i, &bits, 2);
      }
    }
    rig.memory.write(data_, raw.data(), bytes());
    settle();
    rounded = floats();
  }
  Array(const Array&) = delete;
  ~Array() { rig_.memory.release(data_); }

  std::vector<float> rounded;  // what the GPU has of the values given

  // Waits: the rig's queue does not wait for the one that memset is in.
  void poison() {
    cuda::check(cudaMemset(data_, kPoison, bytes() + kGuard), "cudaMemset");
    settle();
  }
  int64_t bytes() const { return count_ * size_of(type_); }
  int64_t count() const { return count_; }
  DType type() const { return type_; }
  void* at(int64_t element) const {
    return static_cast<std::byte*>(data_) + element * size_of(type_);
  }
  void* data() const { return data_; }
  float* f32() const { return static_cast<float*>(data_); }

  // Waits, and checks the guard.
  std::vector<std::byte> raw() const {
    rig_.stream.wait();
    std::vector<std::byte> out(bytes() + kGuard);
    rig_.memory.read(out.data(), data_, bytes() + kGuard);
    int64_t changed = 0;
    for (int64_t i = bytes(); i < bytes() + kGuard; ++i)
      changed += out[i] != static_cast<std::byte>(kPoison);
    CHECK_MESSAGE(changed == 0, "written beyond the end");
    out.resize(bytes());
    return out;
  }
  std::vector<float> floats() const {
    const std::vector<std::byte> bytes = raw();
    std::vector<float> out(count_);
    for (int64_t i = 0; i < count_; ++i)
      out[i] = float_of(bytes.data() + i * size_of(type_), type_);
    return out;
  }

 private:
  static void settle() { cuda::check(cudaStreamSynchronize(nullptr), "cudaStreamSynchronize"); }

  GpuRig& rig_;
  DType type_;
  int64_t count_;
  void* data_ = nullptr;
};

// The largest error beyond rounding to the type, as a multiple of what is allowed: half a unit in
// the last place and `slack`, absolute. Infinite when sizes differ or a value is not finite;
// `where` is its index.
struct Worst {
  double times = 0;
  int64_t where = -1;
  double got = 0, want = 0;
};
inline std::ostream& operator<<(std::ostream& out, const Worst& w) {
  return out << w.times << " of what is allowed at " << w.where << ": got " << w.got << ", want "
             << w.want;
}
inline Worst worst(const std::vector<float>& got, const std::vector<double>& want, DType type,
                   double slack) {
  Worst worst;
  if (got.size() != want.size()) return {INFINITY, -1, double(got.size()), double(want.size())};
  const double unit = type == DType::f32 ? 0x1p-23 : type == DType::f16 ? 0x1p-10 : 0x1p-7;
  for (size_t i = 0; i < got.size(); ++i) {
    const double times = std::abs(got[i] - want[i]) / (unit * 0.51 * std::abs(want[i]) + slack);
    if (!(times <= worst.times) || worst.where < 0)
      worst = {std::isfinite(times) ? times : INFINITY, int64_t(i), got[i], want[i]};
  }
  return worst;
}

inline double gelu_exact(double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); }

}  // namespace winnow::test
