#include <algorithm>

#include "ops/rig.h"

using namespace winnow;
using test::farthest;
using test::Matrix;
using test::values_of;

namespace {

std::vector<double> plain_linear(const Matrix& x, const LinearSource& w, bool gelu) {
  std::vector<double> out;
  for (int64_t r = 0; r < x.tensor.dim(0); ++r)
    for (int64_t n = 0; n < w.out; ++n) {
      double sum = w.bias.empty() ? 0.0 : w.bias[n];
      for (int64_t k = 0; k < w.in; ++k) {
        const double weight = w.quantized.empty() ? w.weight[n * w.in + k]
                                                  : double(w.quantized[n * w.in + k]) * w.scales[n];
        sum += x.at(r, k) * weight;
      }
      out.push_back(gelu ? test::gelu(sum) : sum);
    }
  return out;
}

// What linear_i8 promises, value by value: rows quantised as isa.h says, products exact.
std::vector<double> plain_linear_i8(const Matrix& x, const LinearSource& w) {
  std::vector<double> out;
  for (int64_t r = 0; r < x.tensor.dim(0); ++r) {
    float low = 0, high = 0;
    for (int64_t k = 0; k < w.in; ++k)
      low = std::min(low, x.at(r, k)), high = std::max(high, x.at(r, k));
    const float scale = high - low > 0 ? (high - low) / 255.0f : 1.0f, inverse = 1.0f / scale;
    const float zero = std::rint(-low * inverse);
    for (int64_t n = 0; n < w.out; ++n) {
      int64_t sum = 0;
      for (int64_t k = 0; k < w.in; ++k) {
        const float q = std::min(std::max(std::rint(x.at(r, k) * inverse) + zero, 0.0f), 255.0f);
        sum += (int64_t(q) - int64_t(zero)) * w.quantized[n * w.in + k];
      }
      out.push_back(double(sum) * double(scale) * w.scales[n] + w.bias[n]);
    }
  }
  return out;
}

struct Size {
  int64_t rows, in, out;
};
constexpr Size kSizes[] = {{0, 8, 8},    {1, 1, 1},     {1, 384, 3},   {5, 31, 17},
                           {13, 64, 96}, {40, 384, 48}, {200, 100, 33}};

}  // namespace

TEST_CASE("linear equals the plain loop, with gelu fused and apart") {
  for (const auto& rig : test::rigs())
    for (const Size& s : kSizes) {
      CAPTURE(rig->name);
      CAPTURE(s.rows);
      CAPTURE(s.in);
      CAPTURE(s.out);
      const Matrix x(s.rows, s.in, 7);
      const LinearSource source = test::random_linear(s.in, s.out, 8);
      const Linear w = rig->ops.kernels().pack_linear(source, DType::f32);
      CHECK(farthest(values_of(rig->ops.linear(x.tensor, w)), plain_linear(x, source, false)) <
            1e-5);
      const Tensor fused = rig->ops.linear(x.tensor, w, Activation::kGelu);
      CHECK(farthest(values_of(fused), plain_linear(x, source, true)) < 1e-5);
      CHECK(values_of(fused) == values_of(rig->ops.gelu(rig->ops.linear(x.tensor, w))));
      rig->ops.arena().reset();
    }
}

TEST_CASE("linear's other activations equal their formulas, from the far left to the far right") {
  constexpr int64_t kCount = 4001;
  Matrix x(kCount, 1, 1);
  for (int64_t i = 0; i < kCount; ++i) x.values[i] = static_cast<float>(i - 2000) * 0.006f;
  x.values[0] = -1e30f, x.values[1] = -60.0f, x.values[2] = 60.0f;
  LinearSource one;
  one.in = one.out = 1;
  one.weight = {1.0f};
  for (const auto& rig : test::rigs()) {
    const Linear w = rig->ops.kernels().pack_linear(one, DType::f32);
    std::vector<double> gelu, relu;
    for (const double v : x.values) {
      const double u = std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);
      gelu.push_back(v / 2 * (1 + std::tanh(u)));
      relu.push_back(std::max(v, 0.0));
    }
    CHECK(farthest(values_of(rig->ops.linear(x.tensor, w, Activation::kGeluTanh)), gelu) < 2e-6);
    CHECK(farthest(values_of(rig->ops.linear(x.tensor, w, Activation::kRelu)), relu) == 0);
  }
}

TEST_CASE("linear without a bias adds nothing, and reads a column range in place") {
  for (const auto& rig : test::rigs()) {
    const Matrix x(9, 48, 1);
    LinearSource source = test::random_linear(16, 20, 2);
    source.bias.clear();
    const Linear w = rig->ops.kernels().pack_linear(source, DType::f32);
    Matrix part(9, 16, 3);
    for (int64_t r = 0; r < 9; ++r)
      for (int64_t c = 0; c < 16; ++c) part.values[r * 16 + c] = x.at(r, 32 + c);
    CHECK(farthest(values_of(rig->ops.linear(x.tensor.columns(32, 48), w)),
                   plain_linear(part, source, false)) < 1e-5);
  }
}

TEST_CASE("linear_heads gives linear's bits, a head after the other, whatever the heads' size") {
  for (const auto& rig : test::rigs())
    for (const DType dtype : {DType::f32, DType::i8})
      for (const int64_t size : {8, 16, 24, 32}) {
        CAPTURE(rig->name);
        CAPTURE(size);
        const Matrix x(37, 40, 1);
        const Linear w = rig->ops.kernels().pack_linear(test::random_linear(40, 96, 2), dtype);
        const Tensor rows = rig->ops.linear(x.tensor, w);
        const Tensor heads = rig->ops.linear_heads(x.tensor, w, size);
        REQUIRE(heads.shape() == Shape{96 / size, 37, size});
        for (int64_t r = 0; r < 37; ++r)
          for (int64_t c = 0; c < 96; ++c)
            REQUIRE(heads.as<float>()[(c / size * 37 + r) * size + c % size] ==
                    rows.as<float>()[r * 96 + c]);
        CHECK_THROWS_AS(rig->ops.linear_heads(x.tensor, w, 25), Error);
      }
}

TEST_CASE(
    "linear in 8 bits has exact products: full-range weights and activations, every odd size") {
  for (const auto& rig : test::rigs())
    for (const Size& s : kSizes)
      for (const bool extreme : {false, true}) {
        CAPTURE(rig->name);
        CAPTURE(s.rows);
        CAPTURE(s.in);
        CAPTURE(s.out);
        CAPTURE(extreme);
        Matrix x(s.rows, s.in, 7);
        LinearSource source = test::random_linear(s.in, s.out, 8);
        std::mt19937 random(9);
        source.scales.assign(s.out, 0.01f);
        for (int64_t i = 0; i < s.in * s.out; ++i)
          source.quantized.push_back(extreme ? (random() % 2 ? 127 : -127)
                                             : static_cast<int8_t>(int(random() % 255) - 127));
        if (extreme)  // all at the top of their row's range: every 16-bit sum is as large as it can
                      // be
          for (float& v : x.values) v = 1.0f;
        const Linear w = rig->ops.kernels().pack_linear(source, DType::i8);
        CHECK(farthest(values_of(rig->ops.linear(x.tensor, w)), plain_linear_i8(x, source)) < 2e-3);
        rig->ops.arena().reset();
      }
}

TEST_CASE("f32 weights quantised a row at a time stay within half a step of themselves") {
  const auto rig = std::make_unique<test::Rig>(best_isa(), 1);
  const Matrix x(30, 128, 3);
  const LinearSource source = test::random_linear(128, 64, 4);
  const Linear w = rig->ops.kernels().pack_linear(source, DType::i8);
  const double worst =
      farthest(values_of(rig->ops.linear(x.tensor, w)), plain_linear(x, source, false));
  CHECK(worst < 0.06);  // 128 products of errors of about 1/255 of the row's and the weight's range
  CHECK(worst > 1e-4);  // it is 8-bit, not f32 in disguise
}

TEST_CASE("linear names both shapes when they disagree") {
  const auto rig = std::make_unique<test::Rig>("plain", 1);
  const Matrix x(2, 4, 1);
  const Linear w = rig->ops.kernels().pack_linear(test::random_linear(3, 2, 1), DType::f32);
  CHECK_THROWS_WITH(rig->ops.linear(x.tensor, w), "linear: want x [T, 3], got [2, 4]");
}

TEST_CASE("a device without a kernel says so by name") {
  Kernels none;
  none.device = "cpu none";
  ThreadPool pool(1);
  Ops ops(none, pool);
  const Matrix x(2, 4, 1);
  CHECK_THROWS_WITH(ops.gelu(x.tensor), "gelu: the device cpu none cannot do it yet");
}
