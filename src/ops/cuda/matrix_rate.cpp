#include "ops/cuda/matrix_rate.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/gemm.h"

namespace winnow::cuda {
namespace {

constexpr int64_t kSide = 8192;
constexpr int kTimes = 15;

struct Event {
  cudaEvent_t event = nullptr;
  Event() { check(cudaEventCreate(&event), "cudaEventCreate"); }
  ~Event() { cudaEventDestroy(event); }
  Event(const Event&) = delete;
};

}  // namespace

double matrix_flops(Memory& memory) {
  ThreadPool pool(1);
  CudaStream stream(pool, static_cast<CudaMemory&>(memory));
  const auto release = [&](void* p) { memory.release(p); };
  const std::unique_ptr<void, decltype(release)> all(memory.allocate(3 * kSide * kSide * 2),
                                                     release);
  auto* x = static_cast<uint16_t*>(all.get());
  // Normal values, a sum of four even ones: bits that change less often would run faster.
  std::vector<uint16_t> values(2 * kSide * kSide);
  uint64_t random = 1;
  for (uint16_t& v : values) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    const int64_t sum = static_cast<int64_t>((random & 0xFFFF) + (random >> 16 & 0xFFFF) +
                                             (random >> 32 & 0xFFFF) + (random >> 48)) -
                        2 * 65535;
    const auto x = static_cast<float>(sum) / 37837.0f;  // of deviation 1
    v = static_cast<uint16_t>(std::bit_cast<uint32_t>(x) >> 16);
  }
  memory.write(x, values.data(), static_cast<int64_t>(values.size()) * 2);
  const auto multiply = [&] {
    gemm({.x = x,
          .x_stride = kSide,
          .w = x + kSide * kSide,
          .out = x + 2 * kSide * kSide,
          .out_stride = kSide,
          .m = kSide,
          .n = kSide,
          .k = kSide,
          .type = DType::bf16,
          .out_type = DType::bf16},
         stream.queue(), stream.gpu().left_out.bf16);
  };
  for (int i = 0; i < 3; ++i) multiply();
  std::vector<float> milliseconds;
  const Event begin, end;
  for (int i = 0; i < kTimes; ++i) {
    check(cudaEventRecord(begin.event, stream.queue()), "cudaEventRecord");
    multiply();
    check(cudaEventRecord(end.event, stream.queue()), "cudaEventRecord");
    stream.wait();
    check(cudaEventElapsedTime(&milliseconds.emplace_back(), begin.event, end.event),
          "cudaEventElapsedTime");
  }
  std::nth_element(milliseconds.begin(), milliseconds.begin() + kTimes / 2, milliseconds.end());
  const double operations = 2.0 * kSide * kSide * kSide;
  return operations / (1e-3 * static_cast<double>(milliseconds[kTimes / 2]));
}

}  // namespace winnow::cuda
