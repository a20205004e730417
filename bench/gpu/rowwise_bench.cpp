// How fast the GPU's row-wise kernels are, as shares of what a copy of the same bytes reaches in
// the same run. Usage: bench_gpu_rows. One JSON line a kernel: the median of 5 rounds of 40 calls,
// whose inputs take turns over more than the L2 cache holds where they can.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/pack.h"
#include "ops/cuda/rowwise.h"

using namespace winnow;

namespace {

constexpr int kRounds = 5, kCalls = 40;
constexpr int64_t kRoom = int64_t{320} << 20;  // of each input; results: as much
constexpr DType kType = DType::bf16;

struct Bench {
  ThreadPool pool{1};
  cuda::CudaMemory memory{cuda::find_gpu(0)};
  cuda::CudaStream stream{pool, memory};
  std::byte *in, *more, *out;
  float *ones, *scales;
  uint8_t* q8;
  int64_t rows = 0, cols = 0;
  double rate = 0;  // of a copy, bytes a microsecond

  Bench()
      : in(room()),
        more(room()),
        out(room()),
        ones(reinterpret_cast<float*>(room())),
        scales(reinterpret_cast<float*>(room())),
        q8(reinterpret_cast<uint8_t*>(room())) {
    std::mt19937 random(1);
    std::vector<uint16_t> values(1 << 20);
    for (uint16_t& v : values)  // bf16: from 1/2 to 2, of either sign
      v = static_cast<uint16_t>(0x3F00 + random() % 256 + (random() % 2 << 15));
    for (int64_t i = 0; i < kRoom; i += 2 << 20) {
      memory.write(in + i, values.data(), 2 << 20);
      memory.write(more + i, values.data(), 2 << 20);
    }
    const std::vector<float> one(1 << 20, 1.0f);
    memory.write(ones, one.data(), 4 << 20);
    cuda::check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  }

  std::byte* room() { return static_cast<std::byte*>(memory.allocate(kRoom)); }

  // Of call i's matrix.
  int64_t at(int call) const {
    const int64_t bytes = rows * cols * 2;
    return call % std::max<int64_t>(1, std::min<int64_t>(kRoom / bytes, kCalls)) * bytes;
  }

  // Microseconds a call.
  double time(const std::function<void(int call)>& body) {
    cudaEvent_t begin = nullptr, end = nullptr;
    cuda::check(cudaEventCreate(&begin), "cudaEventCreate");
    cuda::check(cudaEventCreate(&end), "cudaEventCreate");
    std::vector<double> rounds;
    for (int round = 0; round <= kRounds; ++round) {
      cuda::check(cudaEventRecord(begin, stream.queue()), "cudaEventRecord");
      for (int call = 0; call < kCalls; ++call) body(call);
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

  // bytes_a_value: read and written for each value of the matrix.
  void line(const std::string& kernel, double bytes_a_value, const std::function<void(int)>& body) {
    const double us = time(body);
    const double bytes = bytes_a_value * static_cast<double>(rows * cols);
    if (kernel == "copy") rate = bytes / us;
    std::printf(
        "{\"kernel\": \"%s\", \"rows\": %d, \"cols\": %d, \"us\": %.2f, \"gb_s\": %.0f, "
        "\"of_copy\": %.2f}\n",
        kernel.c_str(), static_cast<int>(rows), static_cast<int>(cols), us, bytes / us / 1e3,
        bytes / us / rate);
  }

  void norms() {
    AddLayerNormArgs layer{.x = nullptr,
                           .residual = nullptr,
                           .out = nullptr,
                           .type = kType,
                           .weight = ones,
                           .bias = ones,
                           .rows = rows,
                           .cols = cols,
                           .eps = 1e-5f};
    const auto add_layer_norm = [&](bool residual, const Tensor::Eighths& copy) {
      return [&, residual, copy](int call) {
        layer.x = in + at(call);
        layer.residual = residual ? more + at(call) : nullptr;
        layer.out = out + at(call);
        layer.out8 = copy;
        cuda::add_layer_norm(layer, stream);
      };
    };
    line("layer_norm", 4, add_layer_norm(false, {}));
    line("add_layer_norm", 6, add_layer_norm(true, {}));
    line("add_layer_norm, e4m3 too", 7, add_layer_norm(true, {q8, scales}));
    const auto rms_norm = [&](int64_t size, const Tensor::Eighths& copy) {
      return [&, size, copy](int call) {
        cuda::rms_norm({.x = {in + at(call), size, cols},
                        .out = {out + at(call), size, cols},
                        .type = kType,
                        .weight = ones,
                        .planes = cols / size,
                        .rows = rows,
                        .cols = size,
                        .eps = 1e-5f,
                        .out8 = copy},
                       stream);
      };
    };
    line("rms_norm", 4, rms_norm(cols, {}));
    line("rms_norm, e4m3 too", 5, rms_norm(cols, {q8, scales}));
    line("rms_norm of heads of 128", 4, rms_norm(128, {}));
  }

  void values() {
    line("rope of heads of 128", 4 + 512.0 / static_cast<double>(cols), [&](int call) {
      cuda::rope({.x = {in + at(call), 128, cols},
                  .out = {out + at(call), 128, cols},
                  .type = kType,
                  .angles = ones,
                  .planes = cols / 128,
                  .tokens = std::min<int64_t>(rows, 8192),
                  .cols = 128},
                 stream);
    });
    line("gated silu to half the columns", 3, [&](int call) {
      cuda::gated({in + at(call), out + at(call), kType, rows, cols / 2, Activation::kSilu},
                  stream);
    });
    line("add", 6, [&](int call) {
      cuda::add({in + at(call), more + at(call), out + at(call), kType, rows * cols}, stream);
    });
    line("gelu", 4, [&](int call) {
      cuda::gelu({in + at(call), out + at(call), kType, rows * cols}, stream);
    });
    line("quantize_rows", 3, [&](int call) {
      cuda::quantize_rows({in + at(call), kType, {q8, scales}, rows, cols}, stream);
    });
  }

  void fetches() {
    const int64_t table_rows = kRoom / 2 / cols;
    std::vector<int32_t> words(rows), places(rows);
    std::mt19937 random(1);
    for (int64_t i = 0; i < rows; ++i) {
      words[i] = static_cast<int32_t>(random() % table_rows);
      places[i] = static_cast<int32_t>(i % 512);
    }
    std::vector<Table> tables(2);
    tables[0].rows = Tensor(in, {table_rows, cols}, kType);
    tables[1].rows = Tensor(more, {512, cols}, kType);
    const std::vector<std::span<const int32_t>> indices = {words, places};
    stream.begin();
    line("embed_sum of words and places", 4, [&](int call) {
      cuda::embed_sum({tables, indices, out + at(call), kType, rows, cols}, stream);
    });
    line("gather_rows", 4, [&](int call) {
      cuda::gather_rows({{in, 0, cols}, {out + at(call), 0, cols}, kType, 1, words, cols}, stream);
    });
    for (const int64_t length : {int64_t{128}, int64_t{512}, rows}) {
      if (length > rows) continue;
      std::vector<int32_t> starts;
      for (int64_t t = 0; t < rows; t += length) starts.push_back(static_cast<int32_t>(t));
      starts.push_back(static_cast<int32_t>(rows));
      const std::vector<Pooling> kinds = {Pooling::kMean};
      stream.begin();
      line("pool_rows, means of " + std::to_string(length), 2, [&](int call) {
        cuda::pool_rows(
            {in + at(call), kType, starts, {}, kinds, reinterpret_cast<float*>(out), cols}, stream);
      });
    }
  }

  void products() {
    LinearSource source;
    source.in = 1024, source.out = 4096;
    source.weight.assign(source.in * source.out, 0.5f);
    const Linear linear = cuda::pack(source, DType::f32, memory);
    for (const int64_t some : {1, 8, 64, 512, 4096}) {
      const double us = time([&](int) {
        cuda::linear_f32({.x = in,
                          .x_stride = source.in,
                          .x_type = DType::f32,
                          .weight = linear.packed.get(),
                          .out = out,
                          .out_type = DType::f32,
                          .block = source.out,
                          .rows = some,
                          .in = source.in,
                          .out_features = source.out,
                          .activation = Activation::kNone,
                          .residual = nullptr,
                          .gated = false},
                         stream);
      });
      std::printf(
          "{\"kernel\": \"linear f32, 1024 to 4096\", \"rows\": %d, \"us\": %.2f, "
          "\"tflop_s\": %.1f}\n",
          static_cast<int>(some), us, 2.0 * static_cast<double>(some) * 1024 * 4096 / us / 1e6);
    }
  }
};

void run() {
  Bench bench;
  std::printf("{\"gpu\": \"%s\"}\n", bench.memory.gpu().name.c_str());
  for (const auto& [rows, cols] : std::vector<std::pair<int64_t, int64_t>>{
           {8448, 1024}, {8448, 384}, {8448, 768}, {8448, 1536}, {8448, 4096}, {1, 1024}}) {
    bench.rows = rows;
    bench.cols = cols;
    bench.line("copy", 4, [&](int call) {
      cuda::copy(bench.out + bench.at(call), bench.in + bench.at(call), rows * cols * 2,
                 bench.stream);
    });
    bench.norms();
    bench.values();
    bench.fetches();
  }
  bench.products();
}

}  // namespace

int main() {
  try {
    run();
  } catch (const Error& error) {
    std::fprintf(stderr, "bench_gpu_rows: %s\n", error.what());
    return 1;
  }
}
