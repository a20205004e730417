// Matrix products: values against f64 loops over the rounded operands, and the promise on bits:
// whatever the number of rows and the tile, a row's bits are the same.
#include "ops/cuda/gemm.h"

#include <algorithm>
#include <array>

#include "gpu/gpu_rig.h"
#include "ops/cuda/gemm_mma.h"

using namespace winnow;
using namespace winnow::test;

namespace {

struct Sizes {
  int64_t m, n, k;
  Activation activation = Activation::kNone;
  bool gated = false, residual = false, bias = true;
};

double activated(Activation activation, double x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGeluTanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::kRelu:
      return std::max(x, 0.0);
  }
  return 0;
}

// One product's arrays, rows of x `pad` further apart than k.
struct Product {
  Product(GpuRig& rig, DType type, DType out_type, const Sizes& s, uint32_t seed, int64_t pad = 0)
      : shape(s),
        stride(s.k + pad),
        width(s.gated ? s.n / 2 : s.n),
        x(rig, type, random_values(s.m * stride, seed)),
        w(rig, type, random_values(s.n * s.k, seed + 1, 1 / std::sqrt(static_cast<float>(s.k)))),
        bias(rig, DType::f32, random_values(s.n, seed + 2)),
        residual(rig, out_type, random_values(s.m * width, seed + 3)),
        out(rig, out_type, s.m * width) {}

  cuda::GemmArgs args() const {
    return {.x = x.data(),
            .x_stride = stride,
            .w = w.data(),
            .bias = shape.bias ? static_cast<const float*>(bias.data()) : nullptr,
            .residual = shape.residual ? residual.data() : nullptr,
            .residual_stride = width,
            .out = out.data(),
            .out_stride = width,
            .m = shape.m,
            .n = shape.n,
            .k = shape.k,
            .type = x.type(),
            .out_type = out.type(),
            .activation = shape.activation,
            .gated = shape.gated};
  }

  double sum(int64_t row, int64_t col) const {
    double v = 0;
    for (int64_t i = 0; i < shape.k; ++i)
      v += static_cast<double>(x.rounded[row * stride + i]) * w.rounded[col * shape.k + i];
    return shape.bias ? v + bias.rounded[col] : v;
  }
  double want(int64_t row, int64_t col) const {
    const double v = shape.gated
                         ? activated(shape.activation, sum(row, 2 * col)) * sum(row, 2 * col + 1)
                         : activated(shape.activation, sum(row, col));
    return shape.residual ? v + residual.rounded[row * width + col] : v;
  }
  // Outputs further from the exact value than half a step of their type and the sums' own error.
  int64_t wrong() const {
    const double step = out.type() == DType::f32 ? 1e-6 : out.type() == DType::f16 ? 5e-4 : 4e-3;
    const std::vector<float> got = out.floats();
    int64_t count = 0;
    for (int64_t row = 0; row < shape.m; ++row)
      for (int64_t col = 0; col < width; ++col) {
        const double exact = want(row, col), value = got[row * width + col];
        if (!(std::abs(value - exact) <= step * std::abs(exact) + 2e-5) && ++count < 3)
          MESSAGE("row " << row << " col " << col << ": " << value << ", want " << exact);
      }
    return count;
  }

  Sizes shape;
  int64_t stride, width;
  Array x, w, bias, residual, out;
};

const std::array kShapes{
    Sizes{1, 64, 64, Activation::kGelu},
    Sizes{3, 136, 72, Activation::kNone, false, true},
    Sizes{16, 96, 320, Activation::kSilu, true},
    Sizes{65, 256, 128, Activation::kGelu, false, true},
    Sizes{130, 264, 192, Activation::kGeluTanh, false, false, false},
    Sizes{200, 512, 64, Activation::kSilu, true},
    Sizes{37, 35, 51, Activation::kRelu, false, true},  // odd: the plain kernel
    Sizes{9, 34, 51, Activation::kSilu, true}};

}  // namespace

TEST_CASE("a product with all that follows it is within half a step of the exact value") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  uint32_t seed = 1;
  for (const Sizes& s : kShapes)
    for (const DType type : {DType::bf16, DType::f16})
      for (const DType out_type : {type, DType::f32}) {
        CAPTURE(s.m);
        CAPTURE(s.n);
        CAPTURE(out_type);
        Product p(*rig, type, out_type, s, seed += 10, s.m % 2 ? 8 : 0);
        cuda::gemm(p.args(), rig->stream.queue());
        CHECK(p.wrong() == 0);
        if (s.n % 8 || s.k % 8) continue;
        for (const bool wide : {false, true}) {
          p.out.poison();
          cuda::gemm_mma_by(wide, p.args(), rig->stream.queue());
          CHECK(p.wrong() == 0);
        }
      }
}

TEST_CASE("a row's bits are the same alone and among thousands, by every tile") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  const bool hopper = [] {
    int major = 0;
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0);
    return major == 9;
  }();
  for (const Sizes& s : {Sizes{4300, 512, 384, Activation::kGelu, false, true},
                         Sizes{1100, 768, 1088, Activation::kSilu, true},
                         Sizes{700, 33, 65, Activation::kNone, false, true}}) {
    Product p(*rig, DType::bf16, DType::bf16, s, 77);
    cuda::gemm(p.args(), rig->stream.queue());
    const std::vector<float> whole = p.out.floats();
    std::mt19937 random(3);
    const bool odd = s.n % 8 || s.k % 8;
    for (const int64_t rows : {1, 2, 7, 16, 17, 64, 128, 129, 500}) {
      const int64_t first = static_cast<int64_t>(random() % (s.m - rows));
      cuda::GemmArgs part = p.args();
      part.x = static_cast<const std::byte*>(part.x) + first * p.stride * 2;
      if (part.residual)
        part.residual = static_cast<const std::byte*>(part.residual) + first * p.width * 2;
      part.m = rows;
      const auto same = [&] {
        const std::vector<float> got = p.out.floats();
        return std::memcmp(got.data(), whole.data() + first * p.width, rows * p.width * 4) == 0;
      };
      CAPTURE(rows);
      p.out.poison();
      cuda::gemm(part, rig->stream.queue());
      CHECK(same());
      if (odd || !hopper) continue;
      for (const cuda::GemmTile& tile : cuda::gemm_tiles()) {
        CAPTURE(tile.rows);
        CAPTURE(tile.cols);
        p.out.poison();
        cuda::gemm_by(tile, part, rig->stream.queue());
        CHECK(same());
      }
    }
  }
}

TEST_CASE("a product of no rows is nothing, and what cannot be done says so") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  Product p(*rig, DType::bf16, DType::bf16, Sizes{4, 16, 16}, 5);
  cuda::GemmArgs args = p.args();
  args.m = 0;
  CHECK_NOTHROW(cuda::gemm(args, rig->stream.queue()));
  args = p.args();
  args.out_type = DType::f16;
  CHECK_THROWS_AS(cuda::gemm(args, rig->stream.queue()), Error);
  args = p.args();
  args.gated = true, args.residual = args.out;
  CHECK_THROWS_AS(cuda::gemm(args, rig->stream.queue()), Error);
}
