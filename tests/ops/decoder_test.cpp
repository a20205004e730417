// The verbs of decoders: causal attention over pages, rotary embeddings, RMS norm, gates.
#include <algorithm>
#include <numeric>

#include "ops/rig.h"

using namespace winnow;
using test::Matrix;

namespace {

// A text's tokens as q [H, T, E], k and v [K, T, E] in one matrix of planes.
struct Text {
  Text(int64_t tokens, int64_t heads, int64_t kv_heads, int64_t size, uint32_t seed,
       float spread = 1.0f)
      : tokens(tokens),
        heads(heads),
        kv_heads(kv_heads),
        size(size),
        rows(tokens, (heads + 2 * kv_heads) * size, seed, spread) {}

  float q(int64_t h, int64_t t, int64_t c) const { return rows.at(t, h * size + c); }
  float k(int64_t h, int64_t t, int64_t c) const { return rows.at(t, (heads + h) * size + c); }
  float v(int64_t h, int64_t t, int64_t c) const {
    return rows.at(t, (heads + kv_heads + h) * size + c);
  }

  int64_t tokens, heads, kv_heads, size;
  Matrix rows;
};

std::vector<double> plain(const Text& x) {
  std::vector<double> out(x.tokens * x.heads * x.size);
  for (int64_t h = 0; h < x.heads; ++h)
    for (int64_t t = 0; t < x.tokens; ++t) {
      const int64_t kv = h / (x.heads / x.kv_heads);
      std::vector<double> p;
      double most = -1e300, sum = 0;
      for (int64_t j = 0; j <= t; ++j) {
        double dot = 0;
        for (int64_t c = 0; c < x.size; ++c) dot += double(x.q(h, t, c)) * x.k(kv, j, c);
        p.push_back(dot / std::sqrt(double(x.size)));
        most = std::max(most, p.back());
      }
      for (double& e : p) sum += e = std::exp(e - most);
      for (int64_t c = 0; c < x.size; ++c) {
        double mixed = 0;
        for (int64_t j = 0; j <= t; ++j) mixed += p[j] * x.v(kv, j, c);
        out[t * x.heads * x.size + h * x.size + c] = mixed / sum;
      }
    }
  return out;
}

// Texts that are fed piece by piece: feed computes tokens [done, done + count) of each.
struct Feeder {
  Feeder(Ops& ops, const std::vector<const Text*>& texts, int64_t pages)
      : ops(ops),
        texts(texts),
        cache(ops.kernels(), 1, texts[0]->kv_heads, texts[0]->size, pages) {}

  // pieces: texts and how many tokens of each. Returns rows of [count, H * E], text after text.
  std::vector<float> feed(const std::vector<std::pair<int, int64_t>>& pieces,
                          std::vector<int64_t>& done,
                          const std::vector<std::vector<int32_t>>& pages,
                          const std::vector<PageCopy>& copies = {}) {
    const Text& one = *texts[0];
    std::vector<int32_t> starts{0}, positions, page_starts{0}, table;
    int64_t total = 0;
    for (const auto& [text, count] : pieces) total += count;
    std::vector<float> values;
    for (int64_t plane = 0; plane < one.heads + 2 * one.kv_heads; ++plane)
      for (const auto& [text, count] : pieces)
        for (int64_t t = done[text]; t < done[text] + count; ++t)
          for (int64_t c = 0; c < one.size; ++c)
            values.push_back(texts[text]->rows.at(t, plane * one.size + c));
    for (const auto& [text, count] : pieces) {
      for (int64_t t = 0; t < count; ++t) positions.push_back(done[text] + t);
      starts.push_back(starts.back() + count);
      table.insert(table.end(), pages[text].begin(), pages[text].end());
      page_starts.push_back(table.size());
      done[text] += count;
    }
    const Tensor qkv(values.data(), {one.heads + 2 * one.kv_heads, total, one.size}, DType::f32);
    const Tensor out = ops.attention_cached(
        qkv.slice(0, one.heads), qkv.slice(one.heads, one.heads + one.kv_heads),
        qkv.slice(one.heads + one.kv_heads, one.heads + 2 * one.kv_heads), cache.layer(0),
        {starts, positions, {table, page_starts, copies}});
    return test::values_of(out);
  }

  Ops& ops;
  std::vector<const Text*> texts;
  KvCache cache;
};

}  // namespace

TEST_CASE("attention_cached equals the plain loop: groups, odd sizes, several pages and blocks") {
  struct Case {
    int64_t tokens, heads, kv_heads, size;
  };
  for (const auto& rig : test::rigs())
    for (const Case& c : {Case{1, 1, 1, 8}, Case{5, 3, 1, 64}, Case{33, 4, 2, 32},
                          Case{300, 6, 2, 24}, Case{70, 7, 1, 128}, Case{40, 2, 2, 20}}) {
      CAPTURE(rig->name);
      CAPTURE(c.tokens);
      const Text text(c.tokens, c.heads, c.kv_heads, c.size, 7, 2.0f);
      std::vector<int32_t> pages((c.tokens + 31) / 32);
      std::iota(pages.rbegin(), pages.rend(), 1);  // out of order, page 0 unused
      Feeder feeder(rig->ops, {&text}, pages.size() + 1);
      std::vector<int64_t> done{0};
      CHECK(test::farthest(feeder.feed({{0, c.tokens}}, done, {pages}), plain(text)) < 3e-5);
      rig->ops.arena().reset();
    }
}

TEST_CASE("a token's bits are the same computed alone, in chunks, and among other texts") {
  for (const auto& rig : test::rigs()) {
    CAPTURE(rig->name);
    const Text a(290, 6, 2, 64, 1), b(45, 6, 2, 64, 2);
    const std::vector<std::vector<int32_t>> pages{{9, 1, 7, 3, 5, 2, 8, 4, 6, 0}, {12, 11}};
    std::vector<int64_t> done{0, 0};
    Feeder whole(rig->ops, {&a, &b}, 13);
    const std::vector<float> all = whole.feed({{0, 290}}, done, pages);
    Feeder pieces(rig->ops, {&a, &b}, 13);
    done = {0, 0};
    std::vector<float> got;
    const int64_t width = 6 * 64;
    for (const int64_t count : {1, 7, 100, 31, 1, 1, 119, 30}) {
      std::vector<float> out;
      if (done[1] < 45) {
        out = pieces.feed({{1, 5}, {0, count}}, done, pages);
        out.erase(out.begin(), out.begin() + 5 * width);
      } else {
        out = pieces.feed({{0, count}}, done, pages);
      }
      got.insert(got.end(), out.begin(), out.end());
      rig->ops.arena().reset();
    }
    CHECK(got == all);
  }
}

TEST_CASE("a text may go on behind a page that was copied from another") {
  for (const auto& rig : test::rigs()) {
    const Text a(60, 4, 2, 32, 3);
    std::vector<int64_t> done{0};
    Feeder whole(rig->ops, {&a}, 4);
    const std::vector<float> all = whole.feed({{0, 60}}, done, {{0, 1}});
    Feeder shared(rig->ops, {&a}, 4);
    done = {0};
    shared.feed({{0, 40}}, done, {{0, 1}});
    const std::vector<float> rest = shared.feed({{0, 20}}, done, {{0, 3}}, {{1, 3, 8}});
    CHECK(std::equal(rest.begin(), rest.end(), all.begin() + 40 * 4 * 32));
  }
}

TEST_CASE("a text may go on behind a page that the same call fills, whatever its part") {
  for (const auto& rig : test::rigs())
    for (const int64_t beginning : {33, 40, 48, 63, 64}) {
      CAPTURE(beginning);
      const Text a(beginning, 4, 2, 20, 3),
          b(70, 4, 2, 20, 3);  // the same values as far as both go
      std::vector<int64_t> done{0};
      Feeder whole(rig->ops, {&b}, 5);
      const std::vector<float> all = whole.feed({{0, 70}}, done, {{0, 1, 2}});
      const auto part = static_cast<int32_t>(beginning % kPageTokens);
      Feeder shared(rig->ops, {&a, &b}, 5);
      done = {0, beginning};
      const std::vector<std::vector<int32_t>> pages =
          part > 0 ? std::vector<std::vector<int32_t>>{{0, 1}, {0, 3, 4}}
                   : std::vector<std::vector<int32_t>>{{0, 1}, {0, 1, 4}};
      const std::vector<float> got =
          shared.feed({{0, beginning}, {1, 70 - beginning}}, done, pages,
                      part > 0 ? std::vector<PageCopy>{{1, 3, part}} : std::vector<PageCopy>{});
      CHECK(got == all);
      rig->ops.arena().reset();
    }
}

TEST_CASE("copies onto themselves, or of no tokens, are refused") {
  const auto rigs = test::rigs();
  const Text a(40, 4, 2, 20, 3);
  for (const PageCopy& copy : {PageCopy{1, 1, 4}, PageCopy{0, 1, 0}, PageCopy{0, 1, 33}}) {
    Feeder feeder(rigs.front()->ops, {&a}, 3);
    std::vector<int64_t> done{0};
    CHECK_THROWS_WITH_AS(feeder.feed({{0, 40}}, done, {{0, 1}}, {copy}),
                         doctest::Contains("copies"), Error);
  }
}

TEST_CASE("attention_cached and the other verbs give the same bits on every instruction set") {
  std::vector<float> first;
  for (const auto& rig : test::rigs()) {
    CAPTURE(rig->name);
    const Text a(70, 6, 2, 40, 3);
    std::vector<int64_t> done{0};
    Feeder feeder(rig->ops, {&a}, 4);
    std::vector<float> got = feeder.feed({{0, 70}}, done, {{0, 1, 2}});
    const Matrix x(9, 172, 4), y(9, 172, 5), w(1, 172, 6);
    const auto keep = [&](const Tensor& t) {
      const std::vector<float> values = test::values_of(t);
      got.insert(got.end(), values.begin(), values.end());
    };
    keep(rig->ops.rms_norm(x.tensor, rig->ops.kernels().place(w.values), 1e-5f));
    keep(rig->ops.gated(x.tensor, Activation::kSilu));
    keep(rig->ops.gated(x.tensor, Activation::kGelu));
    keep(rig->ops.add(x.tensor, y.tensor));
    if (first.empty()) first = got;
    CHECK(got == first);
  }
}

TEST_CASE("rms_norm, gated and add equal the plain loops") {
  for (const auto& rig : test::rigs())
    for (const int64_t cols : {2, 16, 64, 172}) {
      CAPTURE(rig->name);
      CAPTURE(cols);
      const Matrix x(35, cols, 1, 3.0f), y(35, cols, 2), w(1, cols, 3);
      std::vector<double> norm, gate, gelu_gate, sum;
      for (int64_t r = 0; r < 35; ++r) {
        double squares = 0;
        for (int64_t c = 0; c < cols; ++c) squares += double(x.at(r, c)) * x.at(r, c);
        for (int64_t c = 0; c < cols; ++c) {
          norm.push_back(x.at(r, c) / std::sqrt(squares / cols + 1e-5) * w.at(0, c));
          sum.push_back(double(x.at(r, c)) + y.at(r, c));
        }
        for (int64_t c = 0; c < cols / 2; ++c) {
          const double g = x.at(r, c), up = x.at(r, cols / 2 + c);
          gate.push_back(g / (1 + std::exp(-g)) * up);
          gelu_gate.push_back(test::gelu(g) * up);
        }
      }
      const auto far = [](const Tensor& got, const std::vector<double>& want) {
        return test::farthest(test::values_of(got), want);
      };
      CHECK(far(rig->ops.rms_norm(x.tensor, rig->ops.kernels().place(w.values), 1e-5f), norm) <
            3e-6);
      CHECK(far(rig->ops.gated(x.tensor, Activation::kSilu), gate) < 2e-5);
      CHECK(far(rig->ops.gated(x.tensor, Activation::kGelu), gelu_gate) < 1e-5);
      CHECK(far(rig->ops.add(x.tensor, y.tensor), sum) < 1e-6);
      const Matrix extreme(1, 32, 1, 400.0f);  // exp would overflow or vanish
      for (const float v : test::values_of(rig->ops.gated(extreme.tensor, Activation::kSilu)))
        CHECK(std::isfinite(v));
      rig->ops.arena().reset();
    }
}

TEST_CASE("rope turns each pair by position times frequency") {
  for (const auto& rig : test::rigs()) {
    const Matrix rows(5, 3 * 20, 1);
    const test::Heads x(rows, 3);
    const std::vector<int32_t> positions{0, 1, 7, 100, 30000};
    std::vector<float> frequencies;
    for (int i = 0; i < 10; ++i)
      frequencies.push_back(static_cast<float>(std::pow(10000.0, -2.0 * i / 20)));
    const Tensor got = rig->ops.rope(x.tensor, rig->ops.rope_angles(positions, frequencies, 1.5f));
    std::vector<double> want(3 * 5 * 20);
    for (int64_t h = 0; h < 3; ++h)
      for (int64_t t = 0; t < 5; ++t)
        for (int64_t i = 0; i < 10; ++i) {
          const double angle = static_cast<float>(positions[t]) * frequencies[i];
          const double lo = rows.at(t, h * 20 + i), hi = rows.at(t, h * 20 + 10 + i);
          want[(h * 5 + t) * 20 + i] = 1.5 * (lo * std::cos(angle) - hi * std::sin(angle));
          want[(h * 5 + t) * 20 + 10 + i] = 1.5 * (hi * std::cos(angle) + lo * std::sin(angle));
        }
    CHECK(test::farthest(test::values_of(got), want) < 1e-6);
    rig->ops.arena().reset();
  }
}

TEST_CASE("attention_cached refuses positions outside its pages, by name") {
  const auto rig = std::make_unique<test::Rig>("plain", 1);
  const Text a(40, 2, 1, 16, 3);
  Feeder feeder(rig->ops, {&a}, 2);
  std::vector<int64_t> done{0};
  CHECK_THROWS_WITH_AS(
      feeder.feed({{0, 40}}, done, {{0}}),
      "attention_cached: want positions that follow each other within 32 places, got 32", Error);
}
