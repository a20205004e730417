// What the tests of ops share: an Ops on each device and instruction set of this machine, random
// tensors, and the slow definitions of the verbs in f64.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "ops/cpu/cpu_kernels.h"
#include "ops/ops.h"

namespace winnow::test {

struct Rig {
  std::string name;
  ThreadPool pool;
  Ops ops;

  Rig(const std::string& isa, int threads)
      : name(isa + " x" + std::to_string(threads)), pool(threads), ops(cpu_kernels(isa), pool) {}
};

inline std::vector<std::unique_ptr<Rig>> rigs() {
  std::vector<std::unique_ptr<Rig>> out;
  for (const std::string& isa : usable_isas())
    for (const int threads : {1, 3}) out.push_back(std::make_unique<Rig>(isa, threads));
  return out;
}

// A rank-2 f32 tensor that owns its values, normal with the given deviation.
struct Matrix {
  std::vector<float> values;
  Tensor tensor;

  Matrix(int64_t rows, int64_t cols, uint32_t seed, float deviation = 1.0f) : values(rows * cols) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, deviation);
    for (float& v : values) v = normal(random);
    tensor = Tensor(values.data(), {rows, cols}, DType::f32);
  }
  Matrix(const Matrix&) = delete;
  float at(int64_t r, int64_t c) const { return values[r * tensor.cols() + c]; }
};

// The columns of x [T, H * E] as heads: [H, T, E].
struct Heads {
  std::vector<float> values;
  Tensor tensor;

  Heads(const Matrix& x, int64_t heads) : values(x.values.size()) {
    const int64_t rows = x.tensor.dim(0), size = x.tensor.cols() / heads;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < heads * size; ++c)
        values[(c / size * rows + r) * size + c % size] = x.at(r, c);
    tensor = Tensor(values.data(), {heads, rows, size}, DType::f32);
  }
  Heads(const Heads&) = delete;
};

inline LinearSource random_linear(int64_t in, int64_t out, uint32_t seed) {
  Matrix weight(out, in, seed, 1.0f / std::sqrt(static_cast<float>(in))), bias(1, out, seed + 1);
  return {.in = in,
          .out = out,
          .weight = weight.values,
          .quantized = {},
          .scales = {},
          .bias = bias.values,
          .block_rows = {}};
}

inline std::vector<float> values_of(const Tensor& t) {
  std::vector<float> out;
  for (int64_t r = 0; r < t.rows(); ++r)
    out.insert(out.end(), t.as<float>() + r * t.row_stride(),
               t.as<float>() + r * t.row_stride() + t.cols());
  return out;
}

// The largest absolute difference; infinite when sizes differ or a value is not finite.
inline double farthest(const std::vector<float>& got, const std::vector<double>& want) {
  if (got.size() != want.size()) return INFINITY;
  double most = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double d = std::abs(got[i] - want[i]);
    if (!(d <= most)) most = std::isfinite(d) ? d : INFINITY;
  }
  return most;
}

inline double gelu(double x) { return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0))); }

}  // namespace winnow::test
