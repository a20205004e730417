// Packing, and the plain product in f32: its values, and that its bits are the k-ordered sum's
// whatever the number of rows.
#include <algorithm>
#include <array>

#include "gpu/gpu_rig.h"
#include "ops/cuda/pack.h"
#include "ops/cuda/rowwise.h"

using namespace winnow;
using namespace winnow::test;

namespace {

const std::vector<DType> kTypes = {DType::f32, DType::f16, DType::bf16};

LinearSource f32_source(int64_t in, int64_t out, uint32_t seed, bool bias) {
  LinearSource source;
  source.in = in;
  source.out = out;
  source.weight = random_values(in * out, seed, 1.0f / std::sqrt(static_cast<float>(in)));
  if (bias) source.bias = random_values(out, seed + 1);
  return source;
}

std::vector<float> weights_of(GpuRig& rig, const Linear& linear) {
  const auto& packed = static_cast<const cuda::CudaLinear&>(*linear.packed);
  std::vector<std::byte> raw(packed.in * packed.out * size_of(packed.type));
  rig.memory.read(raw.data(), packed.weight.get(), static_cast<int64_t>(raw.size()));
  std::vector<float> out(packed.in * packed.out);
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = float_of(raw.data() + i * size_of(packed.type), packed.type);
  return out;
}

float rounded(float x, DType type) {
  if (type == DType::f32) return x;
  const uint16_t bits = half_bits(x, type);
  std::byte raw[2];
  std::memcpy(raw, &bits, 2);
  return float_of(raw, type);
}

}  // namespace

TEST_CASE("packing rounds to nearest even, as the GPU does, at every float's exponent") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  std::vector<float> values = {0.0f,       -0.0f,    65504.0f, 65519.9f,  65520.0f, -1e10f,
                               INFINITY,   5.97e-8f, 2.98e-8f, 2.981e-8f, 6.1e-5f,  6.0976e-5f,
                               3.3895e38f, 1e-40f,   -1e-45f,  1.0f};
  std::mt19937 random(1);
  while (values.size() < 1 << 16) {
    const uint32_t bits = static_cast<uint32_t>(random());
    float x;
    std::memcpy(&x, &bits, 4);
    if (std::isfinite(x)) values.push_back(x);
    const float tie = 1.0f + static_cast<float>(random() % 65536) * 0x1p-12f;
    values.push_back(std::ldexp(tie, static_cast<int>(random() % 40) - 28));
  }
  values.resize(1 << 16);
  LinearSource source;
  source.in = 256, source.out = 256, source.weight = values;
  for (const DType type : kTypes) {
    const std::vector<float> got = weights_of(*rig, cuda::pack(source, type, rig->memory));
    int64_t differ = 0;
    for (size_t i = 0; i < values.size(); ++i) {
      const float want = rounded(values[i], type);
      if (std::memcmp(&got[i], &want, 4) != 0 && ++differ < 4)
        MESSAGE(type << " of " << values[i] << ": " << got[i] << ", want " << want);
    }
    CHECK(differ == 0);
  }
}

TEST_CASE(
    "packing takes 8-bit rows, rows of 16 bits and of blocks, and gates by turns in 16 bits") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  const int64_t in = 64, out = 6;
  LinearSource eight;
  eight.in = in, eight.out = out;
  for (int64_t i = 0; i < in * out; ++i) eight.quantized.push_back(static_cast<int8_t>(i * 37));
  for (int64_t n = 0; n < out; ++n) eight.scales.push_back(0.25f * static_cast<float>(n + 1));
  std::vector<float> floats = random_values(in, 1);
  std::vector<std::byte> halves(2 * in), blocks(2 * 34);
  for (int64_t i = 0; i < in; ++i) {
    const uint16_t bits = half_bits(floats[i], DType::f16);
    std::memcpy(halves.data() + 2 * i, &bits, 2);
  }
  const uint16_t half = half_bits(0.5f, DType::f16);
  for (int b = 0; b < 2; ++b) {
    std::memcpy(blocks.data() + 34 * b, &half, 2);
    for (int i = 0; i < 32; ++i)
      blocks[34 * b + 2 + i] = static_cast<std::byte>(static_cast<int8_t>(i - 16));
  }
  LinearSource mixed;
  mixed.in = in, mixed.out = 2;
  mixed.block_rows = {{halves.data(), DType::f16}, {blocks.data(), DType::q8_0}};
  LinearSource gated = f32_source(in, out, 3, true);
  gated.gated = true;
  for (const DType type : kTypes) {
    CAPTURE(type);
    int64_t differ = 0;
    std::vector<float> got = weights_of(*rig, cuda::pack(eight, type, rig->memory));
    for (int64_t i = 0; i < in * out; ++i)
      differ +=
          got[i] != rounded(static_cast<float>(eight.quantized[i]) * eight.scales[i / in], type);
    CHECK(differ == 0);
    got = weights_of(*rig, cuda::pack(mixed, type, rig->memory));
    for (int64_t i = 0; i < in; ++i) {
      differ += got[i] != rounded(rounded(floats[i], DType::f16), type);
      differ += got[in + i] != static_cast<float>(i % 32 - 16) * 0.5f;
    }
    CHECK(differ == 0);
    const Linear packed = cuda::pack(gated, type, rig->memory);
    got = weights_of(*rig, packed);
    std::vector<float> bias(out);
    rig->memory.read(bias.data(), static_cast<const cuda::CudaLinear&>(*packed.packed).bias.get(),
                     out * 4);
    for (int64_t n = 0; n < out; ++n) {
      const int64_t from = type == DType::f32 ? n : n / 2 + n % 2 * (out / 2);
      differ += bias[n] != gated.bias[from];
      for (int64_t i = 0; i < in; ++i)
        differ += got[n * in + i] != rounded(gated.weight[from * in + i], type);
    }
    CHECK(differ == 0);
    CHECK(packed.packed->bytes() == in * out * size_of(type) + out * 4);
  }
  CHECK_THROWS_AS(cuda::pack(eight, DType::i8, rig->memory), Error);
  eight.scales.pop_back();
  CHECK_THROWS_AS(cuda::pack(eight, DType::f32, rig->memory), Error);
}

TEST_CASE(
    "the GPU's f32 product sums over k in order: the bits of fused multiply-add, at any rows") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const DType type : kTypes)
    for (const auto& [in, out] : std::vector<std::array<int64_t, 2>>{
             {1, 1}, {16, 32}, {17, 33}, {384, 384}, {383, 130}, {1024, 257}, {1536, 64}})
      for (const bool bias : {false, true}) {
        const LinearSource source = f32_source(in, out, 1, bias);
        const Linear linear = cuda::pack(source, DType::f32, rig->memory);
        const int64_t rows = 700, stride = in + 4;
        const Array x(*rig, type, random_values(rows * stride, 2));
        std::vector<std::byte> many;
        for (const int64_t some : {int64_t{700}, int64_t{0}, int64_t{1}, int64_t{8}, int64_t{9},
                                   int64_t{64}, int64_t{512}, int64_t{513}}) {
          CAPTURE(type);
          CAPTURE(in);
          CAPTURE(out);
          CAPTURE(some);
          Array y(*rig, DType::f32, some * out);
          cuda::linear_f32({.x = x.data(),
                            .x_stride = stride,
                            .x_type = type,
                            .weight = linear.packed.get(),
                            .out = y.data(),
                            .out_type = DType::f32,
                            .block = out,
                            .rows = some,
                            .in = in,
                            .out_features = out,
                            .activation = Activation::kNone,
                            .residual = nullptr,
                            .gated = false},
                           rig->stream);
          const std::vector<std::byte> raw = y.raw();
          if (some == rows) {
            many = raw;
            const std::vector<float> got = y.floats();
            int64_t differ = 0;
            for (const int64_t r : {int64_t{0}, int64_t{1}, int64_t{350}, int64_t{699}})
              for (int64_t n = 0; n < out; ++n) {
                float sum = 0;
                for (int64_t k = 0; k < in; ++k)
                  sum = std::fma(x.rounded[r * stride + k], source.weight[n * in + k], sum);
                if (bias) sum += source.bias[n];
                differ += got[r * out + n] != sum;
              }
            CHECK(differ == 0);
          } else {
            CHECK(raw == std::vector<std::byte>(many.begin(), many.begin() + raw.size()));
          }
        }
      }
}

TEST_CASE("a fused gelu of the GPU's f32 product has the bits of gelu after it") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  const int64_t in = 200, out = 100, rows = 300;
  const Linear linear = cuda::pack(f32_source(in, out, 1, true), DType::f32, rig->memory);
  const Array x(*rig, DType::f32, random_values(rows * in, 2));
  const Array y(*rig, DType::f32, rows * out), apart(*rig, DType::f32, rows * out),
      fused(*rig, DType::f32, rows * out);
  LinearArgs args{.x = x.data(),
                  .x_stride = in,
                  .x_type = DType::f32,
                  .weight = linear.packed.get(),
                  .out = y.data(),
                  .out_type = DType::f32,
                  .block = out,
                  .rows = rows,
                  .in = in,
                  .out_features = out,
                  .activation = Activation::kNone,
                  .residual = nullptr,
                  .gated = false};
  cuda::linear_f32(args, rig->stream);
  cuda::gelu({y.data(), apart.data(), DType::f32, rows * out}, rig->stream);
  args.out = fused.data();
  args.activation = Activation::kGelu;
  cuda::linear_f32(args, rig->stream);
  CHECK(fused.raw() == apart.raw());
}
