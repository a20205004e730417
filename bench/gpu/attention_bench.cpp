// How fast attention is on a GPU. Usage: bench_gpu_attention. One JSON line a shape: the median of
// 7 rounds of 4 calls in bf16, over all queries and over the first of each text, with the rate of
// the texts' own operations, 4 heads size length^2 each, and of the bytes of keys and values.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "ops/cuda/attention.h"
#include "ops/cuda/cuda_stream.h"

using namespace winnow;

namespace {

constexpr int kRounds = 7, kCalls = 4;
constexpr int64_t kMostTokens = 32768, kMostRow = 3 * 12 * 128;

struct Lengths {
  std::string name;
  std::vector<int32_t> starts{0};
  double squares = 0;

  void add(int length) {
    starts.push_back(starts.back() + length);
    squares += static_cast<double>(length) * length;
  }
};

std::vector<Lengths> all_lengths() {
  std::mt19937 random(42);
  Lengths uniform{"64 of 512"}, natural{"128 of 30 to 512"}, few{"256 of 64 to 128"},
      far{"8 of 4096"};
  for (int i = 0; i < 64; ++i) uniform.add(512);
  std::normal_distribution<double> logarithm(5.25, 0.6);  // mean 212: questions with passages
  for (int i = 0; i < 128; ++i)
    natural.add(std::clamp(static_cast<int>(std::exp(logarithm(random))), 30, 512));
  for (int i = 0; i < 256; ++i) few.add(64 + static_cast<int>(random() % 65));
  for (int i = 0; i < 8; ++i) far.add(4096);
  return {uniform, natural, few, far};
}

double microseconds(const AttentionArgs& args, cuda::CudaStream& stream) {
  cudaEvent_t begin = nullptr, end = nullptr;
  cuda::check(cudaEventCreate(&begin), "cudaEventCreate");
  cuda::check(cudaEventCreate(&end), "cudaEventCreate");
  std::vector<double> rounds;
  stream.begin();
  for (int round = 0; round <= kRounds; ++round) {
    cuda::check(cudaEventRecord(begin, stream.queue()), "cudaEventRecord");
    for (int call = 0; call < kCalls; ++call) cuda::attention(args, stream);
    cuda::check(cudaEventRecord(end, stream.queue()), "cudaEventRecord");
    stream.wait();
    float milliseconds = 0;
    cuda::check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
    if (round > 0) rounds.push_back(milliseconds * 1000.0 / kCalls);  // the first only warms up
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::sort(rounds.begin(), rounds.end());
  return rounds[kRounds / 2];
}

}  // namespace

int main() {
  ThreadPool pool{1};
  cuda::CudaMemory memory{cuda::find_gpu(0)};
  cuda::CudaStream stream{pool, memory};
  auto* qkv = static_cast<uint16_t*>(memory.allocate(kMostTokens * kMostRow * 2));
  void* out = memory.allocate(kMostTokens * kMostRow / 3 * 2);
  std::vector<uint16_t> values(1 << 20);
  std::mt19937 random(1);
  for (uint16_t& v : values)  // bf16: from 1/2 to 2, of either sign
    v = static_cast<uint16_t>(0x3F00 + random() % 256 + (random() % 2 << 15));
  const int64_t all = kMostTokens * kMostRow, part = static_cast<int64_t>(values.size());
  for (int64_t i = 0; i < all; i += part)
    memory.write(qkv + i, values.data(), 2 * std::min(part, all - i));
  struct Size {
    int64_t heads, head_size;
  };
  for (const Size size : {Size{16, 64}, Size{12, 32}, Size{12, 128}})
    for (const Lengths& lengths : all_lengths()) {
      const int64_t e = size.head_size, width = size.heads * e, tokens = lengths.starts.back();
      std::vector<int32_t> first(lengths.starts.size());
      std::iota(first.begin(), first.end(), 0);
      AttentionArgs args{};
      args.q = {qkv, e, 3 * width};
      args.k = {qkv + width, e, 3 * width};
      args.v = {qkv + 2 * width, e, 3 * width};
      args.out = out, args.type = DType::bf16;
      args.q_starts = args.k_starts = lengths.starts;
      args.heads = size.heads, args.head_size = e;
      args.scale = 1.0f / std::sqrt(static_cast<float>(e));
      const double whole = microseconds(args, stream);
      args.q_starts = first;
      const double pooled = microseconds(args, stream);
      std::printf(
          "{\"texts\": \"%s\", \"heads\": %d, \"head_size\": %d, \"us\": %.1f, \"tflop_s\": %.1f, "
          "\"pooled_us\": %.1f, \"pooled_gb_s\": %.0f}\n",
          lengths.name.c_str(), static_cast<int>(size.heads), static_cast<int>(e), whole,
          4.0 * static_cast<double>(width) * lengths.squares / whole * 1e-6, pooled,
          4.0 * static_cast<double>(tokens * width) / pooled * 1e-3);
    }
  memory.release(out);
  memory.release(qkv);
}
