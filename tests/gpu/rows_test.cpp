// The GPU's kernels that fetch, pool and return rows.
#include <algorithm>
#include <array>

#include "gpu/gpu_rig.h"
#include "ops/cuda/pack.h"
#include "ops/cuda/rowwise.h"

using namespace winnow;
using namespace winnow::test;

namespace {

const std::vector<DType> kTypes = {DType::f32, DType::f16, DType::bf16};

std::vector<int32_t> random_rows(int64_t count, int32_t below, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<int32_t> out(count);
  for (int32_t& v : out) v = static_cast<int32_t>(random() % below);
  return out;
}

// One q8_0 block: scale 0.5, values i - 16.
std::vector<std::byte> q8_block() {
  std::vector<std::byte> out(34);
  const uint16_t half = half_bits(0.5f, DType::f16);
  std::memcpy(out.data(), &half, 2);
  for (int i = 0; i < 32; ++i) out[2 + i] = static_cast<std::byte>(static_cast<int8_t>(i - 16));
  return out;
}

const std::vector<Pooling> kKinds = {Pooling::kCls,          Pooling::kMax,
                                     Pooling::kMean,         Pooling::kLast,
                                     Pooling::kWeightedMean, Pooling::kMeanSqrtLength};

// [texts, kinds, cols]
std::vector<double> pooled(const std::vector<float>& x, int64_t cols,
                           const std::vector<int32_t>& starts, const std::vector<int32_t>& skips) {
  std::vector<double> out;
  for (size_t b = 0; b < skips.size(); ++b) {
    const int64_t first = starts[b], end = starts[b + 1], begin = first + skips[b];
    std::vector<std::vector<double>> rows(kKinds.size(), std::vector<double>(cols));
    for (int64_t c = 0; c < cols && begin < end; ++c) {
      double most = -1e30, sum = 0, weighted = 0, weights = 0;
      for (int64_t r = begin; r < end; ++r) {
        const double v = x[r * cols + c];
        most = std::max(most, v), sum += v;
        weighted += double(r - first + 1) * v, weights += double(r - first + 1);
      }
      const auto length = static_cast<double>(end - begin);
      rows[0][c] = x[begin * cols + c], rows[1][c] = most, rows[2][c] = sum / length;
      rows[3][c] = x[(end - 1) * cols + c], rows[4][c] = weighted / weights;
      rows[5][c] = sum / std::sqrt(length);
    }
    for (const auto& row : rows) out.insert(out.end(), row.begin(), row.end());
  }
  return out;
}

}  // namespace

TEST_CASE("the GPU's embed_sum adds rows of placed tables of every kind") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const DType type : kTypes)
    for (const DType stored : kTypes)
      for (const auto& [rows, cols] : std::vector<std::pair<int64_t, int64_t>>{
               {0, 8}, {1, 1}, {3, 37}, {100, 384}, {8192, 64}, {5, 1024}, {2, 4096}}) {
        CAPTURE(type);
        CAPTURE(stored);
        CAPTURE(cols);
        rig->stream.begin();
        const std::vector<float> words = random_values(50 * cols, 1),
                                 places = random_values(20 * cols, 2);
        std::vector<uint8_t> kinds(2 * cols);
        for (size_t i = 0; i < kinds.size(); ++i) kinds[i] = static_cast<uint8_t>(i * 7);
        std::vector<uint16_t> halves;
        for (const float v : places) halves.push_back(half_bits(v, DType::bf16));
        const auto host = [](const void* p) { return const_cast<void*>(p); };
        const std::array<Table, 3> tables = {
            cuda::place_table(
                {Tensor(host(words.data()), {50, cols}, DType::f32), 1.0f, 0, nullptr}, stored,
                rig->memory),
            cuda::place_table(
                {Tensor(host(halves.data()), {20, cols}, DType::bf16), 1.0f, 0, nullptr}, stored,
                rig->memory),
            cuda::place_table({Tensor(kinds.data(), {2, cols}, DType::u8), 0.0625f, 100, nullptr},
                              stored, rig->memory)};
        CHECK(tables[0].rows.dtype() == stored);
        CHECK(tables[2].rows.dtype() == DType::u8);
        const std::vector<int32_t> a = random_rows(rows, 50, 3), b = random_rows(rows, 20, 4),
                                   c = random_rows(rows, 2, 5);
        const std::array<std::span<const int32_t>, 3> indices = {a, b, c};
        const Array first(*rig, stored, words);  // rounded as the table
        std::vector<float> rounded_places;
        for (const uint16_t h : halves) {
          std::byte raw[2];
          std::memcpy(raw, &h, 2);
          rounded_places.push_back(float_of(raw, DType::bf16));
        }
        const Array second(*rig, stored, rounded_places);
        for (const size_t count : {1, 2, 3}) {
          std::vector<double> want;
          for (int64_t t = 0; t < rows; ++t)
            for (int64_t i = 0; i < cols; ++i)
              want.push_back(first.rounded[a[t] * cols + i] +
                             (count > 1 ? double(second.rounded[b[t] * cols + i]) : 0.0) +
                             (count > 2 ? (kinds[c[t] * cols + i] - 100) * 0.0625 : 0.0));
          Array out(*rig, type, rows * cols);
          cuda::embed_sum({.tables = std::span(tables).first(count),
                           .indices = std::span(indices).first(count),
                           .out = out.data(),
                           .type = type,
                           .rows = rows,
                           .cols = cols},
                          rig->stream);
          const Worst w = worst(out.floats(), want, type, 1.5e-6);
          CHECK_MESSAGE(w.times <= 1, w);
        }
      }
}

TEST_CASE("a table of blocks is placed as its values") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  std::vector<std::byte> rows;
  for (int i = 0; i < 6; ++i) {
    const auto block = q8_block();
    rows.insert(rows.end(), block.begin(), block.end());
  }
  for (const DType type : kTypes) {
    const Table table = cuda::place_table(
        {Tensor(rows.data(), {3, 64}, DType::q8_0), 1.0f, 0, nullptr}, type, rig->memory);
    CHECK(table.rows.dtype() == type);
    std::vector<std::byte> raw(3 * 64 * size_of(type));
    rig->memory.read(raw.data(), table.rows.data(), static_cast<int64_t>(raw.size()));
    int differ = 0;
    for (int i = 0; i < 3 * 64; ++i)
      differ += float_of(raw.data() + i * size_of(type), type) != (i % 32 - 16) * 0.5f;
    CHECK(differ == 0);
  }
}

TEST_CASE("the GPU's gather_rows copies rows of matrices and of heads, wherever they lie") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const DType type : kTypes)
    for (const auto& [planes, tokens, cols] : std::vector<std::array<int64_t, 3>>{
             {1, 1, 1}, {1, 100, 384}, {3, 7, 20}, {12, 50, 64}, {2, 5, 33}, {1, 4, 8192}}) {
      const int64_t width = planes * cols, wide = width + 16;
      const Array x(*rig, type, random_values(tokens * wide, 1));
      for (const int64_t count : {0, 1, 3, 5000}) {
        CAPTURE(type);
        CAPTURE(cols);
        CAPTURE(count);
        rig->stream.begin();
        const std::vector<int32_t> rows = random_rows(count, static_cast<int32_t>(tokens), 2);
        for (const bool in_rows : {true, false}) {
          Array out(*rig, type, count * width);
          cuda::gather_rows({.x = {x.at(16), cols, wide},
                             .out = in_rows ? HeadsView{out.data(), cols, width}
                                            : HeadsView{out.data(), count * cols, cols},
                             .type = type,
                             .planes = planes,
                             .rows = rows,
                             .cols = cols},
                            rig->stream);
          const std::vector<float> got = out.floats();
          int64_t differ = 0;
          for (int64_t p = 0; p < planes; ++p)
            for (int64_t r = 0; r < count; ++r)
              for (int64_t c = 0; c < cols; ++c)
                differ += got[in_rows ? r * width + p * cols + c : (p * count + r) * cols + c] !=
                          x.rounded[rows[r] * wide + 16 + p * cols + c];
          CHECK(differ == 0);
        }
      }
    }
}

TEST_CASE("every kind of the GPU's pooling is its formula, and a text's bits are its own") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  const auto n = static_cast<int64_t>(kKinds.size());
  for (const DType type : kTypes)
    for (const int64_t cols : {1, 31, 384, 1024}) {
      CAPTURE(type);
      CAPTURE(cols);
      const std::vector<int32_t> starts = {0, 2, 6, 7, 7, 40, 552, 680, 809},
                                 skips = {0, 1, 1, 0, 3, 0, 0, 1};
      const int64_t texts = 8, rows = starts.back();
      const Array x(*rig, type, random_values(rows * cols, 1));
      for (const bool skipping : {false, true}) {
        rig->stream.begin();
        const std::vector<double> want =
            pooled(x.rounded, cols, starts, skipping ? skips : std::vector<int32_t>(texts));
        Array out(*rig, DType::f32, texts * n * cols);
        PoolRowsArgs args{.x = x.data(),
                          .type = type,
                          .starts = starts,
                          .skips = {},
                          .kinds = kKinds,
                          .out = out.f32(),
                          .cols = cols};
        if (skipping) args.skips = skips;
        cuda::pool_rows(args, rig->stream);
        const Worst w = worst(out.floats(), want, DType::f32, 2e-5);
        CHECK_MESSAGE(w.times <= 1, w);
        if (skipping) continue;
        Array one(*rig, DType::f32, n * cols);  // a text alone
        const std::vector<int32_t> alone = {0, 512};
        args.x = x.at(40 * cols);
        args.starts = alone;
        args.out = one.f32();
        cuda::pool_rows(args, rig->stream);
        const auto all = out.raw();
        CHECK(one.raw() ==
              std::vector<std::byte>(all.begin() + 5 * one.bytes(), all.begin() + 6 * one.bytes()));
      }
    }
}

TEST_CASE("the GPU's normalize_rows makes unit rows, and leaves a row of zeros as it is") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const DType type : kTypes)
    for (const auto& [rows, cols] : std::vector<std::pair<int64_t, int64_t>>{
             {0, 8}, {1, 1}, {3, 31}, {100, 384}, {8192, 128}, {2, 4096}}) {
      CAPTURE(type);
      CAPTURE(cols);
      std::vector<float> values = random_values(rows * cols, 1);
      if (rows > 1) std::fill_n(values.begin(), cols, 0.0f);
      const Array x(*rig, type, values);
      Array out(*rig, DType::f32, rows * cols);
      cuda::normalize_rows({x.data(), type, out.f32(), rows, cols}, rig->stream);
      int64_t differ = 0;
      const std::vector<float> got = out.floats();
      for (int64_t r = 0; r < rows; ++r) {
        double squares = 0;
        for (int64_t c = 0; c < cols; ++c)
          squares += double(x.rounded[r * cols + c]) * x.rounded[r * cols + c];
        const double length = std::max(std::sqrt(squares), 1e-12);
        for (int64_t c = 0; c < cols; ++c) {
          const double want = x.rounded[r * cols + c] / length;
          differ += !(std::abs(got[r * cols + c] - want) <= std::abs(want) * 0x1.01p-24);
        }
      }
      CHECK(differ == 0);
    }
}

TEST_CASE("to_host widens rows exactly") {
  GpuRig* rig = gpu_rig();
  if (!rig) return;
  for (const DType type : kTypes)
    for (const auto& [rows, cols, stride] : std::vector<std::array<int64_t, 3>>{
             {0, 8, 8}, {1, 1, 1}, {3, 31, 40}, {100, 384, 384}, {7, 3, 3}, {4, 151936, 151936}}) {
      CAPTURE(type);
      CAPTURE(cols);
      const Array x(*rig, type, random_values(rows * stride, 1));
      std::vector<float> got(rows * cols, -1.0f);
      cuda::to_host({x.data(), stride, type, got.data(), rows, cols}, rig->stream);
      int64_t differ = 0;
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t c = 0; c < cols; ++c) differ += got[r * cols + c] != x.rounded[r * stride + c];
      CHECK(differ == 0);
    }
}
