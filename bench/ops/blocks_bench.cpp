// Linear layers on block-quantised weights at the shapes of SmolLM2-135M (D 576, F 1536, 30 layers,
// 9 heads of 64 with 3 of keys): a step calls them in the model's order, each with weights of its
// own, so that they come from memory as they do there. Usage: bench_blocks [THREADS] [ISA]
// [FORMAT]. JSON lines: first the rate at which the same threads read memory, then for each number
// of rows the step's median and fastest, and a line a kind of layer from the fastest.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/ops.h"

using namespace winnow;

namespace {

// One thread is timed by its own CPU time, so that a busy machine shows less.
bool by_cpu_time = false;

double now() {
  timespec t{};
  clock_gettime(by_cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

// Bytes a second of plain loads over memory that no cache holds.
double read_rate(ThreadPool& pool) {
  constexpr int64_t kWords = (int64_t{128} << 20) / 8;
  const std::vector<uint64_t> memory(kWords, 1);
  const int64_t tasks = pool.threads() * 4, share = kWords / tasks;
  std::vector<uint64_t> sums(tasks);
  double fastest = 1e9;
  for (int round = 0; round < 9; ++round) {
    const double start = now();
    pool.run(tasks, [&](int64_t task, int) {
      const uint64_t* p = memory.data() + task * share;
      uint64_t sum[16] = {};
      for (int64_t i = 0; i + 16 <= share; i += 16)
        for (int j = 0; j < 16; ++j) sum[j] ^= p[i + j];
      for (const uint64_t s : sum) sums[task] += s;
    });
    fastest = std::min(fastest, now() - start);
  }
  return static_cast<double>(kWords) * 8 / fastest;
}

struct Layer {
  const char* name;
  int64_t in, out;
  DType dtype;
  int copies;
  std::vector<Linear> made;
};

Linear random_layer(const Kernels& kernels, DType dtype, int64_t in, int64_t out) {
  const int64_t row_bytes = in / block_elements(dtype) * size_of(dtype);
  std::vector<std::byte> blocks(row_bytes * out);
  std::mt19937 random(1);
  for (std::byte& b : blocks) b = static_cast<std::byte>(random() & 0x3F);  // scales below 2
  LinearSource source;
  source.in = in;
  source.out = out;
  for (int64_t row = 0; row < out; ++row)
    source.block_rows.push_back({blocks.data() + row * row_bytes, dtype});
  return kernels.pack_linear(std::move(source), DType::f32);
}

// Seconds of each kind of layer in one step of all of them.
std::vector<double> step(Ops& f, const std::vector<Layer>& layers, const std::vector<float>& x,
                         int64_t rows) {
  std::vector<double> taken(layers.size(), 0.0);
  for (int copy = 0; copy < layers[0].copies; ++copy)
    for (size_t i = 0; i < layers.size(); ++i) {
      const Layer& layer = layers[i];
      if (copy + layer.copies < layers[0].copies) continue;  // the head: once, at the end
      const int64_t its_rows = layer.copies == 1 && rows > 16 ? 1 : rows;  // a prefill's last row
      const Tensor tensor(const_cast<float*>(x.data()), {its_rows, layer.in}, DType::f32);
      f.arena().reset();
      const double start = now();
      f.linear(tensor, layer.made[copy % layer.copies]);
      taken[i] += now() - start;
    }
  return taken;
}

double sum(const std::vector<double>& values) {
  double total = 0;
  for (const double v : values) total += v;
  return total;
}

void report(Ops& f, const std::vector<Layer>& layers, int64_t rows, double memory) {
  std::vector<float> x(rows * 1536);
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (float& v : x) v = normal(random);
  std::vector<std::vector<double>> rounds;
  for (int round = 0; round < (rows > 16 ? 4 : 31); ++round)
    rounds.push_back(step(f, layers, x, rows));
  std::sort(rounds.begin(), rounds.end(), [](auto& a, auto& b) { return sum(a) < sum(b); });
  double all_bytes = 0, all_operations = 0;
  const auto line = [&](double seconds, double bytes, double operations) {
    std::printf("\"ms\":%.3f,\"weights_gb_s\":%.1f,\"share_of_memory\":%.2f,\"gops\":%.1f}\n",
                seconds * 1e3, bytes / seconds * 1e-9, bytes / seconds / memory,
                operations / seconds * 1e-9);
    std::fflush(stdout);
  };
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const int64_t its_rows = layer.copies == 1 && rows > 16 ? 1 : rows;
    const double bytes = static_cast<double>(layer.made[0].packed->bytes()) * layer.copies;
    const double operations =
        2.0 * static_cast<double>(its_rows * layer.in * layer.out) * layer.copies;
    all_bytes += bytes, all_operations += operations;
    std::printf("{\"layers\":\"%d x %s\",\"format\":\"%s\",\"rows\":%ld,", layer.copies, layer.name,
                std::string(name_of(layer.dtype)).c_str(), static_cast<long>(its_rows));
    line(rounds[0][i], bytes, operations);
  }
  for (const bool fastest : {true, false}) {
    std::printf("{\"step\":\"%s\",\"device\":\"%s\",\"rows\":%ld,", fastest ? "fastest" : "median",
                f.kernels().device.c_str(), static_cast<long>(rows));
    line(sum(rounds[fastest ? 0 : rounds.size() / 2]), all_bytes, all_operations);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : usable_cpus();
  const std::string isa = argc > 2 ? argv[2] : best_isa();
  const DType format = dtype_named(argc > 3 ? argv[3] : "q4_1").value_or(DType::q4_1);
  by_cpu_time = threads == 1;
  ThreadPool pool(threads);
  Ops f(cpu_kernels(isa), pool);
  const double memory = read_rate(pool);
  std::printf("{\"memory_read_gb_s\":%.1f,\"threads\":%d}\n", memory * 1e-9, threads);
  const int64_t d = block_elements(format) == 256 ? 512 : 576;  // whole blocks
  std::vector<Layer> layers{{"qkv", d, 960, format, 30, {}},
                            {"attention out", d, d, format, 30, {}},
                            {"gate and up", d, 3072, format, 30, {}},
                            {"down", 1536, d, format, 30, {}},
                            {"head", d, 49152, DType::q8_0, 1, {}}};
  for (Layer& layer : layers)
    for (int i = 0; i < layer.copies; ++i)
      layer.made.push_back(random_layer(f.kernels(), layer.dtype, layer.in, layer.out));
  for (const int64_t rows : {1, 8, 512}) report(f, layers, rows, memory);
  return 0;
}
