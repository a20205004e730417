// Attention over paged keys and values on a GPU: against a loop in f64, and its bits against its
// own under every way of cutting texts into steps.
#include "ops/cuda/paged_attention.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "gpu/gear.h"

namespace winnow::cuda {
namespace {

using test::bits_of;
using test::Block;
using test::Gear;
using test::value_of;

struct Shape {
  DType type;
  int heads, kv_heads, size;
  int row() const { return (heads + 2 * kv_heads) * size; }
};

// Rows [q heads, k heads, v heads] of a text, as bits.
struct TextRows {
  std::vector<uint32_t> qkv;
  int length = 0;
};

TextRows random_text(const Shape& s, int length, uint32_t seed, float deviation = 1.0f) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, deviation);
  TextRows text{{}, length};
  text.qkv.resize(static_cast<size_t>(length) * s.row());
  for (uint32_t& bits : text.qkv) bits = bits_of(normal(random), s.type);
  return text;
}

// Texts in pages, and what attention gave for each of their tokens.
class Pages {
 public:
  // pages: each text's, any numbers below `count`.
  Pages(Gear& gear, const Shape& s, std::vector<const TextRows*> texts,
        std::vector<std::vector<int32_t>> pages, int count)
      : gear_(gear),
        s_(s),
        texts_(std::move(texts)),
        pages_(std::move(pages)),
        keys_(*gear.memory, side(count), 0xFF),  // NaN
        values_(*gear.memory, side(count), 0xFF) {
    for (const TextRows* text : texts_)
      out_.emplace_back(static_cast<size_t>(text->length) * s.heads * s.size, 0xDEAD);
  }

  struct Part {
    int text, first, count;
  };
  // One call: the parts' tokens attend to what lies before them.
  void step(const std::vector<Part>& parts) {
    const int bytes = static_cast<int>(size_of(s_.type)), row = s_.row();
    std::vector<int32_t> starts{0}, positions, table, table_starts{0};
    std::vector<uint8_t> rows;
    for (const Part& part : parts) {
      for (int t = part.first; t < part.first + part.count; ++t) {
        positions.push_back(t);
        for (int c = 0; c < row; ++c) {
          const uint32_t value = texts_[part.text]->qkv[static_cast<size_t>(t) * row + c];
          const auto* at = reinterpret_cast<const uint8_t*>(&value);
          rows.insert(rows.end(), at, at + bytes);
        }
      }
      starts.push_back(static_cast<int32_t>(positions.size()));
      table.insert(table.end(), pages_[part.text].begin(), pages_[part.text].end());
      table_starts.push_back(static_cast<int32_t>(table.size()));
    }
    const auto tokens = static_cast<int64_t>(positions.size());
    Block qkv(*gear_.memory, std::max<int64_t>(rows.size(), 16), 0xFF);
    Block out(*gear_.memory, std::max<int64_t>(tokens * s_.heads * s_.size * bytes, 16), 0xFF);
    qkv.write(rows.data(), static_cast<int64_t>(rows.size()));
    auto* base = static_cast<uint8_t*>(qkv.data);
    gear_.stream->begin();
    cached_attention({.q = {base, s_.size, row},
                      .k = {base + s_.heads * s_.size * bytes, s_.size, row},
                      .v = {base + (s_.heads + s_.kv_heads) * s_.size * bytes, s_.size, row},
                      .out = out.data,
                      .type = s_.type,
                      .starts = starts,
                      .positions = positions,
                      .cache = {keys_.data, values_.data, s_.kv_heads, s_.size},
                      .table = {table, table_starts},
                      .tokens = tokens,
                      .heads = s_.heads,
                      .kv_heads = s_.kv_heads,
                      .head_size = s_.size,
                      .scale = 1.0f / std::sqrt(static_cast<float>(s_.size))},
                     *gear_.stream);
    gear_.stream->wait();
    std::vector<uint8_t> got(tokens * s_.heads * s_.size * bytes);
    gear_.memory->read(got.data(), out.data, static_cast<int64_t>(got.size()));
    size_t at = 0;
    for (const Part& part : parts)
      for (int64_t i = int64_t{part.first} * s_.heads * s_.size;
           i < int64_t{part.first + part.count} * s_.heads * s_.size; ++i, at += bytes) {
        out_[part.text][i] = 0;
        std::memcpy(&out_[part.text][i], got.data() + at, bytes);
      }
  }

  const std::vector<uint32_t>& out(int text) const { return out_[text]; }

 private:
  int64_t side(int count) const {
    return int64_t{count} * s_.kv_heads * kPageTokens * s_.size * size_of(s_.type);
  }

  Gear& gear_;
  Shape s_;
  std::vector<const TextRows*> texts_;
  std::vector<std::vector<int32_t>> pages_;
  Block keys_, values_;
  std::vector<std::vector<uint32_t>> out_;
};

// Pages for each text, shuffled.
std::vector<std::vector<int32_t>> shuffled(const std::vector<const TextRows*>& texts, int count,
                                           uint32_t seed) {
  std::vector<int32_t> free(count);
  std::iota(free.begin(), free.end(), 0);
  std::shuffle(free.begin(), free.end(), std::mt19937(seed));
  std::vector<std::vector<int32_t>> pages;
  for (const TextRows* text : texts) {
    const int need = (text->length + 31) / 32;
    REQUIRE(static_cast<int>(free.size()) >= need);
    pages.emplace_back(free.end() - need, free.end());
    free.resize(free.size() - need);
  }
  return pages;
}

std::vector<uint32_t> alone_and_whole(Gear& gear, const Shape& s, const TextRows& text) {
  Pages pages(gear, s, {&text}, shuffled({&text}, text.length / 32 + 1, 1), text.length / 32 + 1);
  pages.step({{0, 0, text.length}});
  return pages.out(0);
}

int differing(const std::vector<uint32_t>& a, const std::vector<uint32_t>& b, int row,
              const std::string& what) {
  int count = 0;
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i] && ++count <= 3)
      MESSAGE(what << ": token " << i / row << " column " << i % row << ": " << std::hex << a[i]
                   << " and " << b[i]);
  return count;
}

// ||out - f64|| / ||f64|| over the tokens, and the largest difference.
std::pair<double, double> error_of(const Shape& s, const TextRows& text,
                                   const std::vector<uint32_t>& out) {
  const int row = s.row(), group = s.heads / s.kv_heads;
  const double scale = 1.0 / std::sqrt(static_cast<double>(s.size));
  double difference = 0, norm = 0, most = 0;
  std::vector<double> weight(text.length), mix(s.size);
  std::vector<float> qkv(text.qkv.size());
  for (size_t i = 0; i < qkv.size(); ++i) qkv[i] = value_of(text.qkv[i], s.type);
  // Every token of short texts, some of long ones.
  for (int t = 0; t<text.length; t += text.length> 200 ? 13 : 1)
    for (int h = 0; h < s.heads; ++h) {
      const float* q = &qkv[static_cast<size_t>(t) * row + h * s.size];
      const int k_at = (s.heads + h / group) * s.size,
                v_at = (s.heads + s.kv_heads + h / group) * s.size;
      double largest = -1e300, sum = 0;
      for (int j = 0; j <= t; ++j) {
        double dot = 0;
        for (int c = 0; c < s.size; ++c)
          dot += double{q[c]} * qkv[static_cast<size_t>(j) * row + k_at + c];
        weight[j] = dot * scale;
        largest = std::max(largest, weight[j]);
      }
      std::fill(mix.begin(), mix.end(), 0.0);
      for (int j = 0; j <= t; ++j) {
        const double w = std::exp(weight[j] - largest);
        sum += w;
        for (int c = 0; c < s.size; ++c) mix[c] += w * qkv[static_cast<size_t>(j) * row + v_at + c];
      }
      for (int c = 0; c < s.size; ++c) {
        const double want = mix[c] / sum;
        const double got =
            value_of(out[(static_cast<size_t>(t) * s.heads + h) * s.size + c], s.type);
        const double d = std::isfinite(got) ? std::abs(got - want) : 1e30;
        difference += d * d, norm += want * want, most = std::max(most, d);
      }
    }
  return {std::sqrt(difference / norm), most};
}

const std::vector<Shape> kShapes{
    {DType::f16, 12, 2, 128},  {DType::bf16, 12, 2, 128}, {DType::f16, 28, 4, 128},
    {DType::bf16, 9, 3, 64},   {DType::f16, 4, 4, 64},    {DType::bf16, 14, 2, 64},
    {DType::f16, 24, 1, 128},  {DType::f32, 4, 2, 64},    {DType::f16, 4, 2, 96},
    {DType::bf16, 3, 1, 17},   {DType::f16, 2, 1, 256},   {DType::f32, 2, 2, 33},
    {DType::bf16, 12, 1, 128},
};

TEST_CASE("paged attention equals a loop in f64") {
  Gear gear;
  if (!gear) return;
  for (const Shape& s : kShapes) {
    double worst = 0, most = 0;
    for (const int length : {1, 2, 3, 31, 32, 33, 64, 65, 100, 333}) {
      const TextRows text = random_text(s, length, 7 * length + s.size);
      const auto [error, largest] = error_of(s, text, alone_and_whole(gear, s, text));
      worst = std::max(worst, error), most = std::max(most, largest);
    }
    MESSAGE(std::string(name_of(s.type)) << ' ' << s.heads << '/' << s.kv_heads << " of " << s.size
                                         << ": relative " << worst << ", largest " << most);
    CHECK(worst < (s.type == DType::f32 ? 1e-6 : s.type == DType::f16 ? 8e-4 : 6e-3));
  }
}

TEST_CASE(
    "a token's bits are the same however its text is cut into steps and whatever runs beside") {
  Gear gear;
  if (!gear) return;
  for (const Shape& s : kShapes) {
    const std::string name = std::string(name_of(s.type)) + ' ' + std::to_string(s.heads) + '/' +
                             std::to_string(s.kv_heads) + " of " + std::to_string(s.size);
    std::vector<TextRows> rows;
    const std::vector<int> lengths{1, 37, 64, 129, 200, 450};
    // The last text's values grow: later keys must not matter to earlier tokens.
    for (const int length : lengths) {
      rows.push_back(random_text(s, length, 100 + length + s.size));
      if (length == 450)
        for (int t = 0; t < length; ++t)
          for (int c = (s.heads + s.kv_heads) * s.size; c < s.row(); ++c) {
            uint32_t& bits = rows.back().qkv[static_cast<size_t>(t) * s.row() + c];
            bits = bits_of(value_of(bits, s.type) * std::exp2(static_cast<float>(t % 64) / 8.0f),
                           s.type);
          }
    }
    std::vector<const TextRows*> texts;
    std::vector<std::vector<uint32_t>> want;
    for (const TextRows& text : rows) {
      texts.push_back(&text);
      want.push_back(alone_and_whole(gear, s, text));
    }
    int different = 0;
    for (const uint32_t seed : {1, 2, 3, 4, 5}) {  // 1: token by token; others: random chunks
      Pages pages(gear, s, texts, shuffled(texts, 40, seed), 40);
      std::mt19937 random(seed);
      std::vector<int> done(rows.size());
      for (;;) {
        std::vector<Pages::Part> step;
        for (size_t i = 0; i < rows.size(); ++i) {
          const int left = rows[i].length - done[i];
          if (left == 0 || (seed != 1 && random() % 4 == 0)) continue;
          const int most = random() % 3 == 0 ? 4 : 150;
          const int count =
              seed == 1 ? 1 : std::min<int>(left, 1 + static_cast<int>(random() % most));
          step.push_back({static_cast<int>(i), done[i], count});
          done[i] += count;
        }
        if (seed != 1) std::shuffle(step.begin(), step.end(), random);
        if (!step.empty()) pages.step(step);
        if (step.empty() && std::equal(done.begin(), done.end(), lengths.begin())) break;
      }
      for (size_t i = 0; i < rows.size(); ++i)
        different += differing(want[i], pages.out(static_cast<int>(i)), s.heads * s.size,
                               name + ", seed " + std::to_string(seed));
    }
    MESSAGE(name << ": " << different << " differing bits");
    CHECK(different == 0);
  }
}

TEST_CASE("a text behind pages that another text computed has the bits of the text alone") {
  Gear gear;
  if (!gear) return;
  for (const Shape& s : kShapes) {
    TextRows first = random_text(s, 300, 1), second = random_text(s, 230, 2);
    std::copy_n(first.qkv.begin(), 96 * s.row(), second.qkv.begin());  // three pages in common
    std::vector<std::vector<int32_t>> pages = shuffled({&first, &second}, 20, 3);
    std::copy_n(pages[0].begin(), 3, pages[1].begin());
    Pages shared(gear, s, {&first, &second}, pages, 20);
    shared.step({{0, 0, 300}});
    shared.step({{1, 96, 134}});
    std::vector<uint32_t> want = alone_and_whole(gear, s, second), got = shared.out(1);
    const size_t begin = size_t{96} * s.heads * s.size;
    want.erase(want.begin(), want.begin() + static_cast<int64_t>(begin));
    got.erase(got.begin(), got.begin() + static_cast<int64_t>(begin));
    CHECK(differing(want, got, s.heads * s.size, "shared") == 0);
  }
}

// Token by token with few texts the keys are split over blocks; with many they are not.
TEST_CASE("a long text's next token has the same bits alone and among hundreds") {
  Gear gear;
  if (!gear) return;
  for (const Shape& s : {kShapes[0], kShapes[1], kShapes[2], kShapes[3]}) {
    const TextRows text = random_text(s, 2050, 9), small = random_text(s, 40, 10);
    std::vector<const TextRows*> texts{&text};
    for (int i = 0; i < 400; ++i) texts.push_back(&small);
    Pages pages(gear, s, texts, shuffled(texts, 1000, 4), 1000);
    std::vector<Pages::Part> all{{0, 2048, 1}}, filling;
    for (int i = 1; i <= 400; ++i) filling.push_back({i, 0, 39}), all.push_back({i, 39, 1});
    pages.step({{0, 0, 2050}});
    const std::vector<uint32_t> want = pages.out(0);
    const auto [error, largest] = error_of(s, text, want);
    CHECK(error < (s.type == DType::f16 ? 8e-4 : 6e-3));
    pages.step(filling);
    pages.step(all);
    CHECK(differing(want, pages.out(0), s.heads * s.size, "among 400") == 0);
    pages.step({{0, 2048, 1}});
    pages.step({{0, 2049, 1}});
    CHECK(differing(want, pages.out(0), s.heads * s.size, "alone") == 0);
    pages.step({{0, 2048, 2}});
    CHECK(differing(want, pages.out(0), s.heads * s.size, "two at once") == 0);
    const std::vector<uint32_t> few = alone_and_whole(gear, s, small);
    for (const int i : {1, 77, 400})
      CHECK(differing(few, pages.out(i), s.heads * s.size, "small") == 0);
  }
}

TEST_CASE("an empty batch, and a text without new tokens, are attended") {
  Gear gear;
  if (!gear) return;
  const Shape s = kShapes[0];
  const TextRows text = random_text(s, 70, 11);
  Pages pages(gear, s, {&text, &text}, {{0, 1, 2}, {3, 4, 5}}, 6);
  pages.step({});
  pages.step({{1, 0, 0}, {0, 0, 70}, {1, 0, 0}});
  CHECK(differing(alone_and_whole(gear, s, text), pages.out(0), s.heads * s.size, "beside") == 0);
}

}  // namespace
}  // namespace winnow::cuda
