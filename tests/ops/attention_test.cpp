#include "ops/rig.h"

using namespace winnow;
using test::Matrix;

namespace {

std::vector<double> plain_attention(const Matrix& q, const Matrix& k, const Matrix& v,
                                    std::span<const int32_t> q_starts,
                                    std::span<const int32_t> k_starts, int64_t heads,
                                    int64_t window = 0) {
  const int64_t width = q.tensor.cols(), size = width / heads;
  std::vector<double> out(q.values.size());
  for (size_t text = 0; text + 1 < q_starts.size(); ++text)
    for (int64_t head = 0; head < heads; ++head)
      for (int64_t i = q_starts[text]; i < q_starts[text + 1]; ++i) {
        std::vector<double> p;
        double most = -1e300, sum = 0;
        for (int64_t j = k_starts[text]; j < k_starts[text + 1]; ++j) {
          double dot = 0;
          if (window && std::abs((i - q_starts[text]) - (j - k_starts[text])) > window) {
            p.push_back(-1e300);
            continue;
          }
          for (int64_t c = 0; c < size; ++c)
            dot += double(q.at(i, head * size + c)) * k.at(j, head * size + c);
          p.push_back(dot / std::sqrt(double(size)));
          most = std::max(most, p.back());
        }
        for (double& e : p) sum += e = std::exp(e - most);
        for (int64_t c = 0; c < size; ++c) {
          double mixed = 0;
          for (size_t j = 0; j < p.size(); ++j)
            mixed += p[j] * v.at(k_starts[text] + int64_t(j), head * size + c);
          out[i * width + head * size + c] = mixed / sum;
        }
      }
  return out;
}

std::vector<int32_t> starts_of(const std::vector<int>& lengths) {
  std::vector<int32_t> starts{0};
  for (const int n : lengths) starts.push_back(starts.back() + n);
  return starts;
}

}  // namespace

TEST_CASE("attention equals the plain loop: odd lengths, several blocks of keys, every head size") {
  struct Case {
    std::vector<int> lengths;
    int64_t heads, size;
  };
  const Case cases[] = {
      {{}, 2, 16},    {{1}, 1, 8},     {{3, 17, 1, 40}, 3, 32}, {{255, 256, 257}, 1, 64},
      {{700}, 2, 12}, {{33, 5}, 2, 80}};
  for (const auto& rig : test::rigs())
    for (const Case& c : cases)
      for (const float spread : {1.0f, 6.0f}) {  // 6: scores of a few hundred, one key takes all
        CAPTURE(rig->name);
        CAPTURE(c.size);
        CAPTURE(spread);
        const std::vector<int32_t> starts = starts_of(c.lengths);
        const int64_t rows = starts.back(), width = c.heads * c.size;
        const Matrix q(rows, width, 1, spread), k(rows, width, 2, spread), v(rows, width, 3);
        const Tensor got =
            rig->ops.attention(test::Heads(q, c.heads).tensor, test::Heads(k, c.heads).tensor,
                               test::Heads(v, c.heads).tensor, {starts, starts});
        CHECK(test::farthest(test::values_of(got),
                             plain_attention(q, k, v, starts, starts, c.heads)) <
              (spread > 1 ? 1e-4 : 3e-6));
        rig->ops.arena().reset();
      }
}

TEST_CASE("attention for a few queries of each text gives the bits of attention for all") {
  for (const auto& rig : test::rigs()) {
    const std::vector<int32_t> starts = starts_of({5, 300, 31});
    const Matrix rows(starts.back(), 3 * 64, 5);
    const test::Heads qkv(rows, 6);
    const Tensor q = qkv.tensor.slice(0, 2), k = qkv.tensor.slice(2, 4), v = qkv.tensor.slice(4, 6);
    const std::vector<float> all = test::values_of(rig->ops.attention(q, k, v, {starts, starts}));
    const std::vector<int32_t> firsts = {0, 5, 305}, one_each = {0, 1, 2, 3};
    const Tensor few =
        rig->ops.attention(rig->ops.gather_rows(q, firsts), k, v, {one_each, starts});
    for (size_t text = 0; text < firsts.size(); ++text)
      for (int64_t c = 0; c < 64; ++c)
        CHECK(few.as<float>()[text * 64 + c] == all[firsts[text] * 64 + c]);
  }
}

TEST_CASE("attention refuses starts that do not cover the rows") {
  const auto rig = std::make_unique<test::Rig>("plain", 1);
  const Matrix rows(4, 8, 1);
  const test::Heads x(rows, 1);
  const std::vector<int32_t> starts = {0, 3};
  CHECK_THROWS_WITH(rig->ops.attention(x.tensor, x.tensor, x.tensor, {starts, starts}),
                    "attention: want starts from 0 to 4, got 2 of them ending at 3");
}

TEST_CASE("attention within a window equals the plain loop, and each query alone has its bits") {
  const std::vector<int32_t> starts = starts_of({1, 700, 40, 257});
  const int64_t heads = 2, size = 24, rows = starts.back();
  const Matrix q(rows, heads * size, 1, 2.0f), k(rows, heads * size, 2, 2.0f),
      v(rows, heads * size, 3);
  const test::Heads q_heads(q, heads), k_heads(k, heads), v_heads(v, heads);
  for (const auto& rig : test::rigs())
    for (const int64_t window : {1, 8, 15, 16, 64, 300, 1000}) {
      CAPTURE(rig->name);
      CAPTURE(window);
      const Tensor got = rig->ops.attention(q_heads.tensor, k_heads.tensor, v_heads.tensor,
                                            {starts, starts, window});
      CHECK(test::farthest(test::values_of(got),
                           plain_attention(q, k, v, starts, starts, heads, window)) < 1e-5);
      // The first rows alone, as the last layer computes them.
      const std::span<const int32_t> first = std::span(starts).first(4);
      const Tensor few =
          rig->ops.attention(rig->ops.gather_rows(q_heads.tensor, first), k_heads.tensor,
                             v_heads.tensor, {std::vector<int32_t>{0, 1, 2, 3, 4}, starts, window});
      for (int text = 0; text < 4; ++text)
        for (int64_t c = 0; c < heads * size; ++c)
          REQUIRE(few.as<float>()[text * heads * size + c] ==
                  got.as<float>()[starts[text] * heads * size + c]);
      rig->ops.arena().reset();
    }
}
