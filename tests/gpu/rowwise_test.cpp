// The GPU's row-wise kernels against plain loops in f64, at every type, and the bits of a row alone
// against those of the row among others.
#include "ops/cuda/rowwise.h"

#include <cuda_fp8.h>

#include <algorithm>
#include <array>
#include <functional>

#include "gpu/gpu_rig.h"

using namespace winnow;
using namespace winnow::test;

namespace {

const std::vector<DType> kTypes = {DType::f32, DType::f16, DType::bf16};

std::vector<std::byte> part(const std::vector<std::byte>& all, int64_t begin, int64_t count) {
  return {all.begin() + begin, all.begin() + begin + count};
}

// Some rows of many.
std::vector<int64_t> picked(int64_t rows) {
  std::vector<int64_t> out;
  for (const int64_t row : {int64_t{0}, rows / 3, rows - 1})
    if (row >= 0 && row < rows && (out.empty() || out.back() != row)) out.push_back(row);
  return out;
}

struct Size {
  int64_t rows, cols;
};
const std::vector<Size> kSizes = {{0, 8},     {1, 1},      {3, 31},     {5, 64},    {7, 128},
                                  {33, 256},  {70, 384},   {5, 769},    {9, 512},   {2, 640},
                                  {4, 768},   {8192, 384}, {300, 1024}, {3, 1536},  {5, 2048},
                                  {2, 3584},  {3, 4096},   {2, 8192},   {1, 16384}, {2, 16392},
                                  {2, 18944}, {6, 1000},   {8448, 32},  {64, 40},   {8, 96}};

std::vector<double> norm_rows(const std::vector<float>& x, const std::vector<float>* residual,
                              const std::vector<float>& weight, const std::vector<float>* bias,
                              const Size& size) {
  std::vector<double> want(size.rows * size.cols);
  for (int64_t r = 0; r < size.rows; ++r) {
    const auto y = [&](int64_t c) {
      const int64_t at = r * size.cols + c;
      return x[at] + (residual ? double((*residual)[at]) : 0.0);
    };
    double mean = 0, squares = 0;
    if (bias)
      for (int64_t c = 0; c < size.cols; ++c) mean += y(c) / size.cols;
    for (int64_t c = 0; c < size.cols; ++c) squares += (y(c) - mean) * (y(c) - mean) / size.cols;
    for (int64_t c = 0; c < size.cols; ++c)
      want[r * size.cols + c] =
          (y(c) - mean) / std::sqrt(squares + 1e-5) * weight[c] + (bias ? double((*bias)[c]) : 0.0);
  }
  return want;
}

// e4m3 * scale, as floats.
std::vector<float> q8_floats(const std::vector<std::byte>& values, const std::vector<float>& scales,
                             int64_t cols) {
  std::vector<float> out(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    __nv_fp8_e4m3 v;
    v.__x = static_cast<__nv_fp8_storage_t>(values[i]);
    out[i] = float(v) * scales[i / cols * (cols / 128) + i % cols / 128];
  }
  return out;
}

// Each value within half a step of e4m3, each scale its 128 columns' largest value / 448.
void check_q8(const std::vector<float>& values, const std::vector<std::byte>& q,
              const std::vector<float>& scales, int64_t cols) {
  const std::vector<float> near = q8_floats(q, scales, cols);
  double most = 0;
  for (size_t i = 0; i < values.size(); ++i)  // 3 bits of mantissa; below 2^-6 steps of 2^-9
    most = std::max(most, std::abs(values[i] - double(near[i])) /
                              std::max(std::abs(values[i]) / 16.0, scales[i / 128] * 0x1p-10));
  CHECK(most <= 1.001);
  int64_t wrong = 0;
  for (size_t g = 0; g < scales.size(); ++g) {
    float top = 0;
    for (int i = 0; i < 128; ++i) top = std::max(top, std::abs(values[g * 128 + i]));
    wrong += !(top > 0 ? std::abs(scales[g] - top / 448) < 1e-6 * top : scales[g] == 1);
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE(
    "the GPU's add_layer_norm equals the plain loop, and a row's bits do not see the others") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const DType type : kTypes)
    for (const Size& size : kSizes) {
      CAPTURE(type);
      CAPTURE(size.rows);
      CAPTURE(size.cols);
      const int64_t count = size.rows * size.cols;
      const Array x(*rig, type, random_values(count, 1, 3.0f, 0.5f)),
          residual(*rig, type, random_values(count, 2)),
          weight(*rig, DType::f32, random_values(size.cols, 3)),
          bias(*rig, DType::f32, random_values(size.cols, 4));
      for (const bool with : {false, true}) {
        Array out(*rig, type, count), one(*rig, type, size.cols);
        AddLayerNormArgs args{.x = x.data(),
                              .residual = with ? residual.data() : nullptr,
                              .out = out.data(),
                              .type = type,
                              .weight = weight.f32(),
                              .bias = bias.f32(),
                              .rows = size.rows,
                              .cols = size.cols,
                              .eps = 1e-5f};
        cuda::add_layer_norm(args, rig->stream);
        const auto want = norm_rows(x.rounded, with ? &residual.rounded : nullptr, weight.rounded,
                                    &bias.rounded, size);
        const Worst w = worst(out.floats(), want, type, 4e-6);
        CHECK_MESSAGE(w.times <= 1, w);
        const auto all = out.raw();
        for (const int64_t row : picked(size.rows)) {
          args.x = x.at(row * size.cols);
          args.residual = with ? residual.at(row * size.cols) : nullptr;
          args.out = one.data();
          args.rows = 1;
          cuda::add_layer_norm(args, rig->stream);
          CHECK(one.raw() == part(all, row * one.bytes(), one.bytes()));
        }
      }
    }
}

TEST_CASE("the GPU's rms_norm equals the plain loop, and a row's bits do not see the others") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const DType type : kTypes)
    for (const Size& size : kSizes) {
      CAPTURE(type);
      CAPTURE(size.rows);
      CAPTURE(size.cols);
      const int64_t count = size.rows * size.cols;
      const Array x(*rig, type, random_values(count, 5, 2.0f)),
          weight(*rig, DType::f32, random_values(size.cols, 6));
      Array out(*rig, type, count), one(*rig, type, size.cols);
      RmsNormArgs args{.x = {x.data(), 0, size.cols},
                       .out = {out.data(), 0, size.cols},
                       .type = type,
                       .weight = weight.f32(),
                       .planes = 1,
                       .rows = size.rows,
                       .cols = size.cols,
                       .eps = 1e-5f};
      cuda::rms_norm(args, rig->stream);
      const auto want = norm_rows(x.rounded, nullptr, weight.rounded, nullptr, size);
      const Worst w = worst(out.floats(), want, type, 2e-6);
      CHECK_MESSAGE(w.times <= 1, w);
      const auto all = out.raw();
      for (const int64_t row : picked(size.rows)) {
        args.x.data = x.at(row * size.cols);
        args.out.data = one.data();
        args.rows = 1;
        cuda::rms_norm(args, rig->stream);
        CHECK(one.raw() == part(all, row * one.bytes(), one.bytes()));
      }
    }
}

TEST_CASE("the GPU's rms_norm of heads that lie in rows is that of heads in planes") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const DType type : kTypes)
    for (const auto& [heads, tokens, size] :
         std::vector<std::array<int64_t, 3>>{{3, 5, 128}, {16, 100, 128}, {2, 3, 64}, {3, 4, 20}}) {
      CAPTURE(type);
      CAPTURE(size);
      const int64_t width = heads * size, wide = width + 256;  // q beside others
      const Array x(*rig, type, random_values(tokens * wide, 7, 2.0f)),
          weight(*rig, DType::f32, random_values(size, 8));
      Array in_rows(*rig, type, tokens * width), in_planes(*rig, type, tokens * width);
      RmsNormArgs args{.x = {x.at(128), size, wide},
                       .out = {in_rows.data(), size, width},
                       .type = type,
                       .weight = weight.f32(),
                       .planes = heads,
                       .rows = tokens,
                       .cols = size,
                       .eps = 1e-5f};
      cuda::rms_norm(args, rig->stream);
      args.out = {in_planes.data(), tokens * size, size};
      cuda::rms_norm(args, rig->stream);
      std::vector<float> dense;  // a head of a token after the other
      for (int64_t t = 0; t < tokens; ++t)
        dense.insert(dense.end(), x.rounded.begin() + t * wide + 128,
                     x.rounded.begin() + t * wide + 128 + width);
      const auto want = norm_rows(dense, nullptr, weight.rounded, nullptr, {tokens * heads, size});
      const Worst w = worst(in_rows.floats(), want, type, 2e-6);
      CHECK_MESSAGE(w.times <= 1, w);
      const auto rows = in_rows.floats(), planes = in_planes.floats();
      int64_t differ = 0;
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t c = 0; c < width; ++c)
          differ += rows[t * width + c] != planes[(c / size * tokens + t) * size + c % size];
      CHECK(differ == 0);
    }
}

// Long because both norms take the same rows, and their arguments are many.
TEST_CASE("8-bit copies of norms are quantize_rows of their results, within half a step of e4m3") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const DType type : {DType::f16, DType::bf16})
    for (const Size& size : std::vector<Size>{{0, 128},
                                              {1, 128},
                                              {5, 384},
                                              {70, 1024},
                                              {3, 1536},
                                              {2, 4096},
                                              {2, 8192},
                                              {3, 896},
                                              {1, 16384}}) {
      CAPTURE(type);
      CAPTURE(size.cols);
      const int64_t count = size.rows * size.cols;
      std::vector<float> values = random_values(count, 9, 3.0f);
      for (int64_t c = 0; c < std::min<int64_t>(count, 128); ++c) values[c] = 0;  // a group of 0
      const Array x(*rig, type, values), zero(*rig, DType::f32, std::vector<float>(size.cols)),
          weight(*rig, DType::f32, random_values(size.cols, 10));
      for (const bool layer : {true, false}) {
        CAPTURE(layer);
        Array out(*rig, type, count), plain(*rig, type, count), q(*rig, DType::u8, count),
            scales(*rig, DType::f32, count / 128), q_again(*rig, DType::u8, count),
            scales_again(*rig, DType::f32, count / 128);
        const Tensor::Eighths q8{q.data(), scales.f32()};
        const AddLayerNormArgs layer_args{.x = x.data(),
                                          .residual = nullptr,
                                          .out = out.data(),
                                          .type = type,
                                          .weight = weight.f32(),
                                          .bias = zero.f32(),
                                          .rows = size.rows,
                                          .cols = size.cols,
                                          .eps = 1e-5f,
                                          .out8 = q8};
        const RmsNormArgs rms_args{.x = {x.data(), 0, size.cols},
                                   .out = {out.data(), 0, size.cols},
                                   .type = type,
                                   .weight = weight.f32(),
                                   .planes = 1,
                                   .rows = size.rows,
                                   .cols = size.cols,
                                   .eps = 1e-5f,
                                   .out8 = q8};
        if (layer)
          cuda::add_layer_norm(layer_args, rig->stream);
        else
          cuda::rms_norm(rms_args, rig->stream);
        cuda::quantize_rows({.x = out.data(),
                             .type = type,
                             .out = {q_again.data(), scales_again.f32()},
                             .rows = size.rows,
                             .cols = size.cols},
                            rig->stream);
        CHECK(q.raw() == q_again.raw());
        CHECK(scales.raw() == scales_again.raw());
        check_q8(out.floats(), q.raw(), scales.floats(), size.cols);
      }
    }
}

TEST_CASE("the GPU's gelu, tanh and add equal the library's at every type and length") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const DType type : kTypes)
    for (const int64_t count : {0, 1, 7, 8, 4099, 1 << 20}) {
      CAPTURE(type);
      CAPTURE(count);
      std::vector<float> values = random_values(count, 11, 6.0f);
      if (count > 3) values[0] = -60.0f, values[1] = 0.0f, values[2] = 60.0f;
      const Array x(*rig, type, values), y(*rig, type, random_values(count, 12));
      Array gelu(*rig, type, count), tanh(*rig, type, count), sum(*rig, type, count);
      cuda::gelu({x.data(), gelu.data(), type, count}, rig->stream);
      cuda::tanh({x.data(), tanh.data(), type, count}, rig->stream);
      cuda::add({x.data(), y.data(), sum.data(), type, count}, rig->stream);
      std::vector<double> want_gelu, want_tanh, want_sum;
      for (int64_t i = 0; i < count; ++i) {
        want_gelu.push_back(gelu_exact(x.rounded[i]));
        want_tanh.push_back(std::tanh(double(x.rounded[i])));
        want_sum.push_back(double(x.rounded[i]) + y.rounded[i]);
      }
      Worst w = worst(gelu.floats(), want_gelu, type, 5e-7);
      CHECK_MESSAGE(w.times <= 1, "gelu: " << w);
      w = worst(tanh.floats(), want_tanh, type, 3e-7);
      CHECK_MESSAGE(w.times <= 1, "tanh: " << w);
      w = worst(sum.floats(), want_sum, type, 1e-9);
      CHECK_MESSAGE(w.times <= 1, "add: " << w);
    }
}

TEST_CASE("the GPU's gated is each activation of the gate, times the rest") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  const auto sigmoid = [](double x) { return 1 / (1 + std::exp(-x)); };
  const std::vector<std::pair<Activation, std::function<double(double)>>> kinds = {
      {Activation::kGelu, gelu_exact},
      {Activation::kSilu, [&](double x) { return x * sigmoid(x); }},
      {Activation::kGeluTanh,
       [](double x) {
         return x / 2 *
                (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
       }},
      {Activation::kRelu, [](double x) { return std::max(x, 0.0); }}};
  for (const DType type : kTypes)
    for (const Size& size :
         std::vector<Size>{{0, 8}, {1, 1}, {3, 31}, {5, 1536}, {1, 8960}, {2049, 24}}) {
      CAPTURE(type);
      CAPTURE(size.cols);
      const Array x(*rig, type, random_values(size.rows * size.cols * 2, 13, 3.0f));
      for (const auto& [activation, f] : kinds) {
        Array out(*rig, type, size.rows * size.cols);
        cuda::gated({x.data(), out.data(), type, size.rows, size.cols, activation}, rig->stream);
        std::vector<double> want;
        for (int64_t r = 0; r < size.rows; ++r)
          for (int64_t c = 0; c < size.cols; ++c)
            want.push_back(f(x.rounded[r * 2 * size.cols + c]) *
                           x.rounded[(r * 2 + 1) * size.cols + c]);
        const Worst w = worst(out.floats(), want, type, 4e-6);
        CHECK_MESSAGE(w.times <= 1, static_cast<int>(activation) << ": " << w);
      }
    }
}

TEST_CASE("the GPU's rope_angles are the f32 product's cosines and sines") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const int64_t count : {1, 10, 32, 64}) {
    std::vector<int32_t> positions = {0, 1, 2, 77, 511, 8191, 131071, 1000000};
    std::vector<float> frequencies;
    for (int64_t i = 0; i < count; ++i)
      frequencies.push_back(std::pow(10000.0f, -static_cast<float>(i) / count));
    const auto tokens = static_cast<int64_t>(positions.size());
    Array angles(*rig, DType::f32, tokens * 2 * count);
    rig->stream.begin();
    cuda::rope_angles({positions, frequencies, angles.f32(), 1.0f}, rig->stream);
    const std::vector<float> got = angles.floats();
    int64_t differ = 0;
    double most = 0;
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t i = 0; i < count; ++i) {
        const float angle = static_cast<float>(positions[t]) * frequencies[i];
        const float *c = &got[t * 2 * count + i], *s = c + count;
        const double cosine = std::cos(double(angle)), sine = std::sin(double(angle));
        differ += *c != static_cast<float>(cosine) || *s != static_cast<float>(sine);
        most = std::max({most, std::abs(*c - cosine), std::abs(*s - sine)});
      }
    CHECK(differ == 0);
    CHECK(most < 6e-8);
  }
}

TEST_CASE("the GPU's rope turns heads by their token's angles, wherever they lie") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  const int64_t tokens = 70;
  for (const int64_t count : {1, 10, 32, 64}) {
    const Array angles(*rig, DType::f32, random_values(tokens * 2 * count, 15));
    const std::vector<float>& got = angles.rounded;
    const int64_t size = 2 * count;
    for (const DType type : kTypes)
      for (const int64_t heads : {1, 3, 16}) {
        CAPTURE(type);
        CAPTURE(size);
        CAPTURE(heads);
        const int64_t width = heads * size, wide = width + 64;
        const Array x(*rig, type, random_values(tokens * wide, 14));
        Array out(*rig, type, tokens * width), planes(*rig, type, tokens * width);
        RopeArgs args{.x = {x.at(64), size, wide},
                      .out = {out.data(), size, width},
                      .type = type,
                      .angles = angles.f32(),
                      .planes = heads,
                      .tokens = tokens,
                      .cols = size};
        cuda::rope(args, rig->stream);
        args.out = {planes.data(), tokens * size, size};
        cuda::rope(args, rig->stream);
        std::vector<double> want;
        std::vector<double> want_planes(tokens * width);
        for (int64_t t = 0; t < tokens; ++t)
          for (int64_t h = 0; h < heads; ++h)
            for (int64_t c = 0; c < size; ++c) {
              const int64_t i = c % count;
              const float* head = &x.rounded[t * wide + 64 + h * size];
              const double cosine = got[t * size + i], sine = got[t * size + count + i];
              want.push_back(c < count ? head[i] * cosine - head[i + count] * sine
                                       : head[i + count] * cosine + head[i] * sine);
              want_planes[(h * tokens + t) * size + c] = want.back();
            }
        Worst w = worst(out.floats(), want, type, 3e-7);
        CHECK_MESSAGE(w.times <= 1, w);
        w = worst(planes.floats(), want_planes, type, 3e-7);
        CHECK_MESSAGE(w.times <= 1, w);
      }
  }
}
