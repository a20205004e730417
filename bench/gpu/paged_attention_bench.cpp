// Attention over paged keys and values on a GPU: bytes and operations a second beside the rate of a
// copy within its memory. Each call is captured into a graph, so that the host is left out; caches
// rotate past L2.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <random>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/paged_attention.h"
#include "ops/cuda/token_choice.h"

namespace winnow::cuda {
namespace {

struct Text {
  int past, count;
};

struct Case {
  const char* name;
  int heads, kv_heads, size;
  std::vector<Text> texts;
};

std::vector<Text> times(int n, Text text) { return std::vector<Text>(n, text); }

float median(std::vector<float> x) {
  std::nth_element(x.begin(), x.begin() + x.size() / 2, x.end());
  return x[x.size() / 2];
}

// Microseconds of each of `graphs` in turn, many times over.
float time_graphs(CudaStream& stream, const std::vector<cudaGraphExec_t>& graphs) {
  cudaEvent_t begin, end;
  check(cudaEventCreate(&begin), "cudaEventCreate");
  check(cudaEventCreate(&end), "cudaEventCreate");
  std::vector<float> took;
  for (int round = 0; round < 12; ++round) {
    check(cudaEventRecord(begin, stream.queue()), "cudaEventRecord");
    for (const cudaGraphExec_t graph : graphs)
      check(cudaGraphLaunch(graph, stream.queue()), "cudaGraphLaunch");
    check(cudaEventRecord(end, stream.queue()), "cudaEventRecord");
    stream.wait();
    float ms = 0;
    check(cudaEventElapsedTime(&ms, begin, end), "cudaEventElapsedTime");
    if (round > 1) took.push_back(ms * 1000 / static_cast<float>(graphs.size()));
  }
  check(cudaEventDestroy(begin), "cudaEventDestroy");
  check(cudaEventDestroy(end), "cudaEventDestroy");
  return median(took);
}

double copy_rate(CudaMemory& memory, CudaStream& stream) {
  const int64_t bytes = 1 << 30;
  void *a = memory.allocate(bytes), *b = memory.allocate(bytes);
  check(cudaMemsetAsync(a, 1, bytes, stream.queue()), "cudaMemset");
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  check(cudaStreamBeginCapture(stream.queue(), cudaStreamCaptureModeThreadLocal), "capture");
  check(cudaMemcpyAsync(b, a, bytes, cudaMemcpyDeviceToDevice, stream.queue()), "cudaMemcpy");
  check(cudaStreamEndCapture(stream.queue(), &graph), "capture");
  check(cudaGraphInstantiate(&exec, graph, 0), "cudaGraphInstantiate");
  const double rate = 2.0 * static_cast<double>(bytes) / time_graphs(stream, {exec}) / 1e3;
  memory.release(a), memory.release(b);
  return rate;
}

// Attention alone, and with the appending before it.
// Long because the arrays of a case live as long as the graphs that read them.
void bench(const Case& c, CudaMemory& memory, CudaStream& stream, double copy) {
  std::vector<int32_t> starts{0}, positions, table_starts{0};
  double bytes = 0, operations = 0;
  for (const Text& text : c.texts) {
    for (int i = 0; i < text.count; ++i) {
      positions.push_back(text.past + i);
      operations += 4.0 * c.heads * c.size * (text.past + i + 1);
    }
    bytes += 2.0 * 2 * c.kv_heads * c.size * (text.past + text.count);
    starts.push_back(static_cast<int32_t>(positions.size()));
    table_starts.push_back(table_starts.back() + (text.past + text.count + 31) / 32);
  }
  std::vector<int32_t> table(table_starts.back());
  std::iota(table.begin(), table.end(), 0);
  std::shuffle(table.begin(), table.end(), std::mt19937(1));
  const int64_t tokens = static_cast<int64_t>(positions.size()),
                row = (c.heads + 2 * c.kv_heads) * c.size,
                side = static_cast<int64_t>(table.size()) * c.kv_heads * kPageTokens * c.size;
  const int caches = static_cast<int>(std::clamp<int64_t>((400 << 20) / (side * 4), 2, 64));
  std::mt19937 random(2);
  std::vector<uint16_t> noise(1 << 20);
  for (uint16_t& x : noise)  // f16 of both signs, 2^-6 to 2
    x = static_cast<uint16_t>((random() & 0x8000) | (9 + random() % 7) << 10 | (random() & 0x3FF));
  const auto filled = [&](int64_t elements) {
    auto* at = static_cast<uint16_t*>(memory.allocate(elements * 2));
    for (int64_t i = 0; i < elements; i += static_cast<int64_t>(noise.size()))
      memory.write(at + i, noise.data(),
                   std::min<int64_t>(elements - i, static_cast<int64_t>(noise.size())) * 2);
    return at;
  };
  uint16_t *qkv = filled(tokens * row), *out = filled(tokens * c.heads * c.size),
           *keys = filled(side * caches), *values = filled(side * caches);
  stream.begin();
  float took[2];
  for (const bool append : {false, true}) {
    std::vector<cudaGraphExec_t> graphs;
    for (int i = -1; i < caches; ++i) {  // -1: uploads and memory, before a capture
      const CachedAttentionArgs args{.q = {qkv, c.size, row},
                                     .k = {qkv + c.heads * c.size, c.size, row},
                                     .v = {qkv + (c.heads + c.kv_heads) * c.size, c.size, row},
                                     .out = out,
                                     .type = DType::f16,
                                     .starts = starts,
                                     .positions = positions,
                                     .cache = {keys + std::max(i, 0) * side,
                                               values + std::max(i, 0) * side, c.kv_heads, c.size},
                                     .table = {table, table_starts},
                                     .tokens = tokens,
                                     .heads = c.heads,
                                     .kv_heads = c.kv_heads,
                                     .head_size = c.size,
                                     .scale = 1.0f / std::sqrt(static_cast<float>(c.size)),
                                     .appended = !append};
      if (i < 0) {
        cached_attention(args, stream);
        stream.wait();
        continue;
      }
      cudaGraph_t graph;
      cudaGraphExec_t exec;
      check(cudaStreamBeginCapture(stream.queue(), cudaStreamCaptureModeThreadLocal), "capture");
      cached_attention(args, stream);
      check(cudaStreamEndCapture(stream.queue(), &graph), "capture");
      check(cudaGraphInstantiate(&exec, graph, 0), "cudaGraphInstantiate");
      check(cudaGraphDestroy(graph), "cudaGraphDestroy");
      graphs.push_back(exec);
    }
    took[append] = time_graphs(stream, graphs);
    for (const cudaGraphExec_t graph : graphs) cudaGraphExecDestroy(graph);
  }
  const float us = took[0];
  std::printf(
      "%-28s %2d/%d of %3d %8.1f us %5.0f GB/s (%3.0f %% of copy) %6.1f TFLOP/s; %8.1f us with "
      "appending\n",
      c.name, c.heads, c.kv_heads, c.size, us, bytes / us / 1e3, bytes / us / 1e3 / copy * 100,
      operations / us / 1e6, took[1]);
  for (void* p : {qkv, out, keys, values}) memory.release(p);
}

// The best tokens of rows of logits, beside the time of reading them once.
void bench_choice(int64_t rows, int64_t vocab, int64_t count, CudaMemory& memory,
                  CudaStream& stream) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal(0.0f, 3.0f);
  std::vector<float> logits(vocab);
  for (float& x : logits) x = normal(random);
  auto* in = static_cast<float*>(memory.allocate(rows * vocab * 4));
  auto* out = static_cast<TokenLogit*>(
      memory.allocate(rows * count * static_cast<int64_t>(sizeof(TokenLogit))));
  for (int64_t r = 0; r < rows; ++r) memory.write(in + r * vocab, logits.data(), vocab * 4);
  const TokenChoiceArgs args{in, rows, vocab, vocab, count, out};
  choose_tokens(args, stream);  // memory, before a capture
  stream.wait();
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  check(cudaStreamBeginCapture(stream.queue(), cudaStreamCaptureModeThreadLocal), "capture");
  choose_tokens(args, stream);
  check(cudaStreamEndCapture(stream.queue(), &graph), "capture");
  check(cudaGraphInstantiate(&exec, graph, 0), "cudaGraphInstantiate");
  const float us = time_graphs(stream, {exec, exec, exec, exec});
  std::printf("best %2d of %lld, %3lld rows %8.1f us %5.0f GB/s\n", static_cast<int>(count),
              static_cast<long long>(vocab), static_cast<long long>(rows), us,
              static_cast<double>(rows * vocab) * 4 / us / 1e3);
  check(cudaGraphExecDestroy(exec), "cudaGraphExecDestroy");
  check(cudaGraphDestroy(graph), "cudaGraphDestroy");
  memory.release(in), memory.release(out);
}

int run() {
  CudaMemory memory(find_gpu(0));
  ThreadPool pool(1);
  CudaStream stream(pool, memory);
  const double copy = copy_rate(memory, stream);
  std::printf("%s: copy %.0f GB/s (read and written)\n", memory.gpu().name.c_str(), copy);
  std::mt19937 random(3);
  std::vector<Text> mixed;
  for (int i = 0; i < 256; ++i) mixed.push_back({static_cast<int>(16 + random() % 2032), 1});
  std::vector<Text> busy = times(128, {1023, 1});
  busy.push_back({0, 512});
  const std::vector<Case> cases{
      {"256 texts x 1024, 1 new", 28, 4, 128, times(256, {1023, 1})},
      {"64 texts x 1024, 1 new", 28, 4, 128, times(64, {1023, 1})},
      {"16 texts x 1024, 1 new", 28, 4, 128, times(16, {1023, 1})},
      {"1 text x 1024, 1 new", 28, 4, 128, times(1, {1023, 1})},
      {"1 text x 4096, 1 new", 28, 4, 128, times(1, {4095, 1})},
      {"1 text x 8192, 1 new", 28, 4, 128, times(1, {8191, 1})},
      {"1 text x 32768, 1 new", 28, 4, 128, times(1, {32767, 1})},
      {"256 texts x 16..2047, 1 new", 28, 4, 128, mixed},
      {"256 texts x 1024, 1 new", 12, 2, 128, times(256, {1023, 1})},
      {"256 texts x 1024, 1 new", 9, 3, 64, times(256, {1023, 1})},
      {"64 texts x 1024, 1 new", 16, 8, 128, times(64, {1023, 1})},
      {"128 x 1024 + prompt of 512", 28, 4, 128, busy},
      {"16 prompts of 512", 12, 2, 128, times(16, {0, 512})},
      {"1 prompt of 512", 12, 2, 128, times(1, {0, 512})},
      {"64 prompts of 128", 12, 2, 128, times(64, {0, 128})},
      {"16 prompts of 512", 28, 4, 128, times(16, {0, 512})},
      {"4 prompts of 2048", 28, 4, 128, times(4, {0, 2048})},
      {"1 prompt of 8192", 28, 4, 128, times(1, {0, 8192})},
      {"512 new behind 7680", 28, 4, 128, times(1, {7680, 512})},
      {"16 prompts of 512", 14, 2, 64, times(16, {0, 512})},
      {"16 prompts of 512", 16, 8, 128, times(16, {0, 512})},
      {"100 x 40 new behind 128", 16, 8, 128, times(100, {128, 40})},
  };
  for (const Case& c : cases) bench(c, memory, stream, copy);
  for (const int64_t rows : {1, 64, 256})
    for (const int64_t count : {1, 20, 64}) bench_choice(rows, 151936, count, memory, stream);
  return 0;
}

}  // namespace
}  // namespace winnow::cuda

int main() {
  try {
    return winnow::cuda::run();
  } catch (const std::exception& e) {
    std::printf("%s\n", e.what());
    return 1;
  }
}
