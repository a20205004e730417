#include <array>

#include "ops/rig.h"

using namespace winnow;
using test::farthest;
using test::Matrix;
using test::values_of;

TEST_CASE("add_layer_norm equals the plain loop, with a residual and without") {
  for (const auto& rig : test::rigs())
    for (const auto& [rows, cols] :
         std::vector<std::pair<int64_t, int64_t>>{{0, 8}, {1, 1}, {3, 31}, {70, 384}, {5, 769}}) {
      CAPTURE(rig->name);
      CAPTURE(cols);
      const Matrix x(rows, cols, 1, 3.0f), residual(rows, cols, 2), weight(1, cols, 3),
          bias(1, cols, 4);
      const Norm norm{rig->ops.kernels().place(weight.values),
                      rig->ops.kernels().place(bias.values)};
      for (const bool with : {false, true}) {
        std::vector<double> want;
        for (int64_t r = 0; r < rows; ++r) {
          double mean = 0, variance = 0;
          const auto y = [&](int64_t c) {
            return x.at(r, c) + (with ? double(residual.at(r, c)) : 0.0);
          };
          for (int64_t c = 0; c < cols; ++c) mean += y(c) / cols;
          for (int64_t c = 0; c < cols; ++c) variance += (y(c) - mean) * (y(c) - mean) / cols;
          for (int64_t c = 0; c < cols; ++c)
            want.push_back((y(c) - mean) / std::sqrt(variance + 1e-5) * weight.at(0, c) +
                           bias.at(0, c));
        }
        const Tensor got = with ? rig->ops.add_layer_norm(x.tensor, residual.tensor, norm, 1e-5f)
                                : rig->ops.layer_norm(x.tensor, norm, 1e-5f);
        CHECK(farthest(values_of(got), want) < 1e-5);
      }
    }
}

TEST_CASE("gelu and tanh equal the library's, and hold at the ends") {
  for (const auto& rig : test::rigs()) {
    Matrix x(1, 20001, 1);
    for (int64_t i = 0; i < 20001; ++i) x.values[i] = static_cast<float>(i - 10000) * 0.0012f;
    x.values[0] = -1e30f, x.values[1] = 1e30f, x.values[2] = -50.0f, x.values[3] = 0.0f;
    std::vector<double> gelu, tanh;
    for (const float v : x.values)
      gelu.push_back(v < -40 ? 0.0 : test::gelu(v)), tanh.push_back(std::tanh(double(v)));
    const std::vector<float> got = values_of(rig->ops.gelu(x.tensor));
    CHECK(got[1] == 1e30f);
    CHECK(got[3] == 0.0f);
    std::vector<float> inner(got.begin() + 2, got.end());
    CHECK(farthest(inner, {gelu.begin() + 2, gelu.end()}) <
          4e-7);  // half a unit in the last place of 12
    CHECK(farthest(values_of(rig->ops.tanh(x.tensor)), tanh) < 1e-6);
  }
}

TEST_CASE("embed_sum adds rows of f32 and of 8-bit tables") {
  for (const auto& rig : test::rigs()) {
    const int64_t cols = 37;
    Matrix words(10, cols, 1);
    std::vector<uint8_t> types(2 * cols);
    for (size_t i = 0; i < types.size(); ++i) types[i] = static_cast<uint8_t>(i * 7);
    const Table first{words.tensor, 1.0f, 0, nullptr};
    const Table second{Tensor(types.data(), {2, cols}, DType::u8), 0.5f, 100, nullptr};
    const std::vector<int32_t> ids = {9, 0, 3}, kinds = {1, 0, 1};
    std::vector<double> want;
    for (size_t t = 0; t < ids.size(); ++t)
      for (int64_t c = 0; c < cols; ++c)
        want.push_back(words.at(ids[t], c) + (types[kinds[t] * cols + c] - 100) * 0.5);
    CHECK(farthest(values_of(rig->ops.embed_sum({{first, ids}, {second, kinds}})), want) < 1e-5);
    const std::vector<int32_t> wrong = {10, 0, 0};
    CHECK_THROWS_WITH(rig->ops.embed_sum({{first, wrong}}),
                      "embed_sum: want an index below 10, got 10");
  }
}

TEST_CASE("every kind of pooling is its formula, side by side, without the rows that are skipped") {
  const Matrix x(6, 5, 1);
  const std::vector<int32_t> starts = {0, 2, 6}, skips = {0, 1};
  const std::vector<Pooling> kinds = {Pooling::kCls,  Pooling::kMax,
                                      Pooling::kMean, Pooling::kMeanSqrtLength,
                                      Pooling::kLast, Pooling::kWeightedMean};
  std::vector<double> want;
  for (const auto& [first, begin, end] : {std::array{0, 0, 2}, std::array{2, 3, 6}}) {
    std::vector<double> most(5, -1e9), sum(5), weighted(5);
    double weights = 0;
    for (int r = begin; r < end; ++r) {
      weights += r - first + 1;
      for (int c = 0; c < 5; ++c) {
        most[c] = std::max(most[c], double(x.at(r, c)));
        sum[c] += x.at(r, c);
        weighted[c] += double(r - first + 1) * x.at(r, c);
      }
    }
    for (int c = 0; c < 5; ++c) want.push_back(x.at(begin, c));
    for (int c = 0; c < 5; ++c) want.push_back(most[c]);
    for (int c = 0; c < 5; ++c) want.push_back(sum[c] / (end - begin));
    for (int c = 0; c < 5; ++c) want.push_back(sum[c] / std::sqrt(double(end - begin)));
    for (int c = 0; c < 5; ++c) want.push_back(x.at(end - 1, c));
    for (int c = 0; c < 5; ++c) want.push_back(weighted[c] / weights);
  }
  for (const auto& rig : test::rigs()) {
    const Tensor got = rig->ops.pool_rows(x.tensor, starts, skips, kinds);
    CHECK(got.shape() == Shape{2, 30});
    CHECK(farthest(values_of(got), want) < 1e-6);
    CHECK_THROWS_AS(rig->ops.pool_rows(x.tensor, starts, {}, {}), Error);
  }
}

TEST_CASE("normalize_rows makes unit rows, and leaves a row of zeros as it is") {
  Matrix x(3, 7, 1);
  for (int c = 0; c < 7; ++c) x.values[7 + c] = 0;
  for (const auto& rig : test::rigs()) {
    const std::vector<float> got = values_of(rig->ops.normalize_rows(x.tensor));
    for (const int row : {0, 1, 2}) {
      double squares = 0;
      for (int c = 0; c < 7; ++c) squares += double(got[row * 7 + c]) * got[row * 7 + c];
      CHECK(squares == doctest::Approx(row == 1 ? 0 : 1).epsilon(1e-6));
    }
  }
}

TEST_CASE("pool_rows and gather_rows take what they name") {
  for (const auto& rig : test::rigs()) {
    const Matrix x(6, 5, 1);
    const std::vector<int32_t> starts = {0, 2, 2, 6};
    std::vector<double> want;
    for (int text = 0; text < 3; ++text)
      for (int64_t c = 0; c < 5; ++c) {
        double sum = 0;
        for (int64_t r = starts[text]; r < starts[text + 1]; ++r) sum += x.at(r, c);
        want.push_back(text == 1 ? 0.0 : sum / (starts[text + 1] - starts[text]));
      }
    CHECK(farthest(values_of(rig->ops.pool_rows(x.tensor, starts, {}, std::vector{Pooling::kMean})),
                   want) < 1e-6);
    const std::vector<int32_t> rows = {5, 0}, wrong = {6};
    CHECK(rig->ops.gather_rows(x.tensor, rows).as<float>()[1] == x.at(5, 1));
    CHECK_THROWS_AS(rig->ops.gather_rows(x.tensor, wrong), Error);
  }
}
