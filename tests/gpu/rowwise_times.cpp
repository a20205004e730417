// How fast the GPU's row-wise kernels are, as shares of what a copy of the same bytes reaches:
// test_gpu -tc="*times*" --no-skip. Inputs take turns over more than the L2 cache holds.
#include <algorithm>
#include <cstdio>
#include <functional>

#include "gpu/gpu_rig.h"
#include "ops/cuda/pack.h"
#include "ops/cuda/rowwise.h"

using namespace winnow;
using namespace winnow::test;

namespace {

constexpr int kRepeats = 5, kCalls = 40;

// Microseconds a call, the median of repeats; call i may use set i % sets.
double time_of(GpuRig& rig, const std::function<void(int)>& call) {
  cudaEvent_t begin, end;
  cuda::check(cudaEventCreate(&begin), "cudaEventCreate");
  cuda::check(cudaEventCreate(&end), "cudaEventCreate");
  std::vector<double> times;
  for (int r = 0; r <= kRepeats; ++r) {
    cuda::check(cudaEventRecord(begin, rig.stream.queue()), "cudaEventRecord");
    for (int i = 0; i < kCalls; ++i) call(i);
    cuda::check(cudaEventRecord(end, rig.stream.queue()), "cudaEventRecord");
    rig.stream.wait();
    float milliseconds = 0;
    cuda::check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
    if (r > 0) times.push_back(milliseconds * 1000.0 / kCalls);  // the first only warms up
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

void print(const char* what, double us, double bytes, double copy_rate) {
  std::printf("  %-34s %9.2f us %8.0f GB/s %5.2f of copy\n", what, us, bytes / us / 1e3,
              bytes / us / 1e3 / copy_rate);
}

}  // namespace

TEST_CASE("times of the GPU's row-wise kernels" * doctest::skip()) {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  const auto at = [](void* base, int64_t bytes) {
    return static_cast<void*>(static_cast<std::byte*>(base) + bytes);
  };
  const int64_t room = int64_t{320} << 20;
  void* in = rig->memory.allocate(room);
  void* more = rig->memory.allocate(room);
  void* out = rig->memory.allocate(2 * room);
  {
    const std::vector<float> values = random_values(1 << 20, 1);
    std::vector<uint16_t> halves;
    for (const float v : values) halves.push_back(bits_of(v, DType::bf16));
    for (int64_t i = 0; i < room; i += 2 << 20) {
      rig->memory.write(at(in, i), halves.data(), 2 << 20);
      rig->memory.write(at(more, i), halves.data(), 2 << 20);
    }
  }
  const Array ones(*rig, DType::f32, std::vector<float>(16384, 1.0f)),
      scales(*rig, DType::f32, int64_t{1} << 24);
  Array q(*rig, DType::u8, int64_t{1} << 27);
  for (const auto& [rows, cols] : std::vector<std::pair<int64_t, int64_t>>{
           {8448, 1024}, {8448, 384}, {8448, 768}, {8448, 1536}, {8448, 4096}, {1, 1024}}) {
    const int64_t bytes = rows * cols * 2,
                  sets = std::max<int64_t>(1, std::min<int64_t>(room / bytes, 40));
    const auto b = static_cast<double>(bytes);
    const auto x = [&](int i) { return at(in, i % sets * bytes); };
    const auto y = [&](int i) { return at(more, i % sets * bytes); };
    const auto to = [&](int i) { return at(out, i % sets * bytes); };
    const double copy_us =
        time_of(*rig, [&](int i) { cuda::copy(to(i), x(i), bytes, rig->stream); });
    const double rate = 2 * b / copy_us / 1e3;
    std::printf("%ld x %ld bf16, %ld sets\n", long(rows), long(cols), long(sets));
    print("copy", copy_us, 2 * b, rate);
    AddLayerNormArgs layer{.x = nullptr,
                           .residual = nullptr,
                           .out = nullptr,
                           .type = DType::bf16,
                           .weight = ones.f32(),
                           .bias = ones.f32(),
                           .rows = rows,
                           .cols = cols,
                           .eps = 1e-5f};
    const auto norm = [&](bool residual, const cuda::Q8Rows& q8) {
      return time_of(*rig, [&](int i) {
        layer.x = x(i);
        layer.residual = residual ? y(i) : nullptr;
        layer.out = to(i);
        cuda::add_layer_norm(layer, q8, rig->stream);
      });
    };
    const cuda::Q8Rows q8{static_cast<uint8_t*>(q.data()), scales.f32()};
    print("layer_norm", norm(false, {}), 2 * b, rate);
    print("add_layer_norm", norm(true, {}), 3 * b, rate);
    print("add_layer_norm with e4m3", norm(true, q8), 3.5 * b, rate);
    const auto rms = [&](const cuda::Q8Rows& copy) {
      return time_of(*rig, [&](int i) {
        cuda::rms_norm({.x = {x(i), 0, cols},
                        .out = {to(i), 0, cols},
                        .type = DType::bf16,
                        .weight = ones.f32(),
                        .planes = 1,
                        .rows = rows,
                        .cols = cols,
                        .eps = 1e-5f},
                       copy, rig->stream);
      });
    };
    print("rms_norm", rms({}), 2 * b, rate);
    print("rms_norm with e4m3", rms(q8), 2.5 * b, rate);
    const int64_t heads = cols / 128;
    const double per_head = time_of(*rig, [&](int i) {
      cuda::rms_norm({.x = {x(i), 128, cols},
                      .out = {to(i), 128, cols},
                      .type = DType::bf16,
                      .weight = ones.f32(),
                      .planes = heads,
                      .rows = rows,
                      .cols = 128,
                      .eps = 1e-5f},
                     rig->stream);
    });
    print("rms_norm of heads of 128", per_head, 2 * b, rate);
    const Array angles(*rig, DType::f32, std::vector<float>(rows * 128, 0.5f));
    const double rope = time_of(*rig, [&](int i) {
      cuda::rope({.x = {x(i), 128, cols},
                  .out = {to(i), 128, cols},
                  .type = DType::bf16,
                  .angles = angles.f32(),
                  .planes = heads,
                  .tokens = rows,
                  .cols = 128},
                 rig->stream);
    });
    print("rope of heads of 128", rope, 2 * b + static_cast<double>(rows * 128 * 4), rate);
    print("gated silu, half as wide",
          time_of(*rig,
                  [&](int i) {
                    cuda::gated({x(i), to(i), DType::bf16, rows, cols / 2, Activation::kSilu},
                                rig->stream);
                  }),
          1.5 * b, rate);
    print("add",
          time_of(*rig,
                  [&](int i) {
                    cuda::add({x(i), y(i), to(i), DType::bf16, rows * cols}, rig->stream);
                  }),
          3 * b, rate);
    print("gelu",
          time_of(*rig,
                  [&](int i) {
                    cuda::gelu({x(i), to(i), DType::bf16, rows * cols}, rig->stream);
                  }),
          2 * b, rate);
    print("quantize_rows",
          time_of(*rig,
                  [&](int i) {
                    cuda::quantize_rows({x(i), DType::bf16, q8, rows, cols}, rig->stream);
                  }),
          1.5 * b, rate);
    std::vector<int32_t> index(rows);
    std::mt19937 random(1);
    for (int32_t& v : index) v = static_cast<int32_t>(random() % (room / 2 / cols));
    rig->stream.begin();
    const Table table{Tensor(in, {room / 2 / cols, cols}, DType::bf16)},
        other{Tensor(more, {512, cols}, DType::bf16)};
    std::vector<int32_t> place(rows);
    for (int64_t i = 0; i < rows; ++i) place[i] = static_cast<int32_t>(i % 512);
    const std::vector<Table> tables = {table, other};
    const std::vector<std::span<const int32_t>> indices = {index, place};
    print("embed_sum of two tables",
          time_of(*rig,
                  [&](int i) {
                    cuda::embed_sum({tables, indices, to(i), DType::bf16, rows, cols}, rig->stream);
                  }),
          2 * b, rate);
    print("gather_rows",
          time_of(*rig,
                  [&](int i) {
                    cuda::gather_rows(
                        {{in, 0, cols}, {to(i), 0, cols}, DType::bf16, 1, index, cols},
                        rig->stream);
                  }),
          2 * b, rate);
    for (const int64_t length : {int64_t{128}, int64_t{512}, rows}) {
      if (length > rows) continue;
      std::vector<int32_t> starts;
      for (int64_t t = 0; t < rows; t += length) starts.push_back(static_cast<int32_t>(t));
      starts.push_back(static_cast<int32_t>(rows));
      const std::vector<Pooling> kinds = {Pooling::kMean};
      rig->stream.begin();
      const std::string name = "pool_rows, mean of " + std::to_string(length);
      print(name.c_str(),
            time_of(*rig,
                    [&](int i) {
                      cuda::pool_rows(
                          {x(i), DType::bf16, starts, {}, kinds, static_cast<float*>(out), cols},
                          rig->stream);
                    }),
            b, rate);
    }
    if (rows == 1) rig->stream.begin();
  }
  const Array embeddings(*rig, DType::bf16, random_values(64 * 1024, 1));
  print("normalize_rows, 64 x 1024",
        time_of(*rig,
                [&](int) {
                  cuda::normalize_rows(
                      {embeddings.data(), DType::bf16, static_cast<float*>(out), 64, 1024},
                      rig->stream);
                }),
        64 * 1024 * 6.0, 3000);
  std::vector<int32_t> positions(8448);
  for (int i = 0; i < 8448; ++i) positions[i] = i;
  const std::vector<float> frequencies(64, 0.5f);
  rig->stream.begin();
  print("rope_angles, 8448 x 64",
        time_of(*rig,
                [&](int) {
                  cuda::rope_angles({positions, frequencies, static_cast<float*>(out), 1.0f},
                                    rig->stream);
                }),
        8448 * 128 * 4.0, 3000);
  for (const int64_t rows : {1, 8, 64, 512, 4096}) {
    LinearSource source;
    source.in = 1024, source.out = 4096;
    source.weight = random_values(source.in * source.out, 1);
    const Linear linear = cuda::pack(source, DType::f32, rig->memory);
    const double us = time_of(*rig, [&](int) {
      cuda::linear_f32({.x = in,
                        .x_stride = 1024,
                        .x_type = DType::f32,
                        .weight = linear.packed.get(),
                        .out = out,
                        .out_type = DType::f32,
                        .block = 4096,
                        .rows = rows,
                        .in = 1024,
                        .out_features = 4096,
                        .activation = Activation::kNone,
                        .residual = nullptr,
                        .gated = false},
                       rig->stream);
    });
    std::printf("  linear f32 %5ld x 1024 x 4096  %9.2f us %6.1f TFLOP/s\n", long(rows), us,
                2.0 * static_cast<double>(rows) * 1024 * 4096 / us / 1e6);
  }
  rig->memory.release(in);
  rig->memory.release(more);
  rig->memory.release(out);
}
