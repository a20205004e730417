// Kernels at the shapes of MiniLM-L-12 (D 384, F 1536, 12 heads of 32): GFLOP/s and share of the
// multiply-add peak that the same run measures. Usage: bench_ops [THREADS] [ISA]. One JSON line a
// kernel, the median of 7 rounds.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <random>
#include <vector>

#include "base/thread_pool.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/ops.h"

using namespace winnow;

namespace {

// One thread is timed by its own CPU time, so that a busy machine does not show; several by the
// wall clock.
struct Clock {
  static inline bool cpu_time = false;
  static double now() {
    timespec t{};
    clock_gettime(cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  }
};

double seconds_of(const std::function<void()>& body) {
  std::vector<double> rounds;
  body();
  for (int round = 0; round < 7; ++round) {
    const double start = Clock::now();
    int times = 0;
    do body(), ++times;
    while (Clock::now() - start < 0.06);
    rounds.push_back((Clock::now() - start) / times);
  }
  std::sort(rounds.begin(), rounds.end());
  return rounds[3];
}

std::vector<float> random_values(int64_t count, unsigned seed, float deviation = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  std::vector<float> out(count);
  for (float& v : out) v = normal(random);
  return out;
}

struct Bench {
  Ops& f;
  double peak;

  void line(const std::string& name, double operations, const std::function<void()>& body) {
    const double seconds = seconds_of([&] {
      body();
      f.arena().reset();
    });
    std::printf(
        "{\"kernel\":\"%s\",\"device\":\"%s\",\"us\":%.1f,\"gops\":%.1f,\"share_of_fma_peak\":%.3f}"
        "\n",
        name.c_str(), f.kernels().device.c_str(), seconds * 1e6, operations / seconds * 1e-9,
        operations / seconds / peak);
    std::fflush(stdout);
  }

  void linear(int64_t rows, int64_t in, int64_t out, DType dtype, Activation act) {
    std::vector<float> x = random_values(rows * in, 1);
    LinearSource source{.in = in,
                        .out = out,
                        .weight = random_values(in * out, 2, 0.05f),
                        .quantized = {},
                        .scales = {},
                        .bias = random_values(out, 3)};
    if (dtype ==
        DType::i8) {  // spread as a trained checkpoint's: most weights far from the largest
      source.scales.assign(out, 0.005f);
      for (const float v : random_values(in * out, 2, 10.0f))
        source.quantized.push_back(static_cast<int8_t>(std::clamp(v, -127.0f, 127.0f)));
    }
    const Linear w = f.kernels().pack_linear(std::move(source), dtype);
    const Tensor tensor(x.data(), {rows, in}, DType::f32);
    char name[96];
    std::snprintf(name, sizeof name, "linear %s %ld x %ld -> %ld%s",
                  std::string(name_of(dtype)).c_str(), long(rows), long(in), long(out),
                  act == Activation::kGelu ? " gelu" : "");
    line(name, 2.0 * rows * in * out, [&] { f.linear(tensor, w, act); });
  }
};

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : usable_cpus();
  const std::string isa = argc > 2 ? argv[2] : best_isa();
  Clock::cpu_time = threads == 1;
  ThreadPool pool(threads);
  const double peak = fma_flops(isa, threads);
  std::printf("{\"fma_peak_gflops\":%.1f,\"threads\":%d}\n", peak * 1e-9, threads);
  Ops f(cpu_kernels(isa), pool);
  Bench bench{f, peak};
  for (const DType dtype : {DType::f32, DType::i8})
    for (const int64_t rows : {200, 1024}) {
      bench.linear(rows, 384, 1152, dtype, Activation::kNone);
      bench.linear(rows, 384, 384, dtype, Activation::kNone);
      bench.linear(rows, 384, 1536, dtype, Activation::kGelu);
      bench.linear(rows, 1536, 384, dtype, Activation::kNone);
    }
  for (const int32_t length : {16, 200, 512}) {
    const int64_t texts = std::max(1, 1024 / length), rows = texts * length;
    std::vector<float> qkv = random_values(rows * 1152, 4);
    std::vector<int32_t> starts;
    for (int64_t i = 0; i <= texts; ++i) starts.push_back(static_cast<int32_t>(i * length));
    const Tensor x(qkv.data(), {36, rows, 32}, DType::f32);
    bench.line("attention " + std::to_string(texts) + " texts of " + std::to_string(length) +
                   ", 12 heads of 32",
               4.0 * 384 * rows * length, [&] {
                 f.attention(x.slice(0, 12), x.slice(12, 24), x.slice(24, 36), {starts, starts});
               });
  }
  std::vector<float> x = random_values(1024 * 1536, 5);
  const Norm norm{f.kernels().place(random_values(384, 6)),
                  f.kernels().place(random_values(384, 7))};
  const Tensor hidden(x.data(), {1024, 384}, DType::f32), wide(x.data(), {1024, 1536}, DType::f32);
  bench.line("add_layer_norm 1024 x 384", 8.0 * 1024 * 384,
             [&] { f.add_layer_norm(hidden, hidden, norm, 1e-12f); });
  bench.line("gelu 1024 x 1536", 20.0 * 1024 * 1536, [&] { f.gelu(wide); });
  return 0;
}
