// linear and embed_sum on block-quantised weights.
#include "tensor/blocks.h"

#include <bit>
#include <cstring>

#include "ops/rig.h"

using namespace winnow;
using namespace winnow::test;

namespace {

constexpr DType kFormats[] = {DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                              DType::q8_0, DType::q4_k, DType::q5_k, DType::q6_k};

uint16_t half_of(std::mt19937& random, float least, float most) {
  const float value = std::uniform_real_distribution<float>(least, most)(random);
  if (std::abs(value) < 0x1p-14f) return static_cast<uint16_t>(std::abs(value) * 0x1p24f);
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits >> 16 & 0x8000) | ((bits >> 23 & 255) - 112) << 10 |
                               (bits >> 13 & 0x3FF));
}

// [rows, k] of random blocks, all bytes random but the f16 scales: weights of about 1 / sqrt(k).
struct Blocks {
  DType dtype;
  int64_t row_bytes;
  std::vector<std::byte> bytes;

  Blocks(DType type, int64_t rows, int64_t k, uint32_t seed)
      : dtype(type), row_bytes(k / block_elements(type) * size_of(type)), bytes(rows * row_bytes) {
    std::mt19937 random(seed);
    for (std::byte& b : bytes) b = static_cast<std::byte>(random());
    const bool k_quant = block_elements(type) == 256;
    const float unit = 1.0f / std::sqrt(static_cast<float>(k));
    const float scale = type == DType::q8_0   ? unit / 64
                        : type == DType::q6_k ? unit / 64 / 32
                        : k_quant             ? unit / 32 / 8
                                              : unit / 8;
    for (size_t at = 0; at < bytes.size(); at += size_of(type)) {
      const uint16_t d = half_of(random, scale / 2, scale);
      const uint16_t m = half_of(random, -8 * scale, -4 * scale);
      const uint16_t dmin = half_of(random, scale * 2, scale * 4);
      std::memcpy(bytes.data() + at + (type == DType::q6_k ? 208 : 0), &d, 2);
      if (type == DType::q4_1 || type == DType::q5_1) std::memcpy(bytes.data() + at + 2, &m, 2);
      if (type == DType::q4_k || type == DType::q5_k) std::memcpy(bytes.data() + at + 2, &dmin, 2);
    }
  }
  const std::byte* row(int64_t r) const { return bytes.data() + r * row_bytes; }
};

// Weights whose row n is of formats[n % size] (or of all the first one), with a bias.
struct Weights {
  std::vector<Blocks> blocks;
  LinearSource source;
  std::vector<float> real;  // [N, K]

  Weights(const std::vector<DType>& formats, int64_t in, int64_t out, int64_t run = 1)
      : real(in * out) {
    source.in = in;
    source.out = out;
    for (const DType dtype : formats) blocks.emplace_back(dtype, out, in, 11);
    source.bias = Matrix(1, out, 5).values;
    for (int64_t n = 0; n < out; ++n) {
      const Blocks& from = blocks[n / run % blocks.size()];
      source.block_rows.push_back({from.row(n), from.dtype});
      dequantize_row(from.dtype, from.row(n), in, real.data() + n * in);
    }
  }
};

// What the rows of x become: groups of 32 in 127 steps of the largest.
std::vector<double> quantised(const Matrix& x) {
  std::vector<double> out(x.values.size());
  for (size_t g = 0; g < out.size(); g += 32) {
    float most = 0;
    for (int i = 0; i < 32; ++i) most = std::max(most, std::abs(x.values[g + i]));
    if (most == 0) continue;
    const float scale = most / 127.0f, inverse = 127.0f / most;
    for (int i = 0; i < 32; ++i)
      out[g + i] = static_cast<double>(scale) * std::nearbyint(x.values[g + i] * inverse);
  }
  return out;
}

std::vector<double> product(const std::vector<double>& x, const Weights& w, int64_t rows) {
  const int64_t in = w.source.in, out = w.source.out;
  std::vector<double> y(rows * out);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t n = 0; n < out; ++n) {
      double sum = w.source.bias[n];
      for (int64_t k = 0; k < in; ++k)
        sum += x[r * in + k] * static_cast<double>(w.real[n * in + k]);
      y[r * out + n] = sum;
    }
  return y;
}

}  // namespace

TEST_CASE("linear multiplies every block format as the f64 loop over quantised rows does") {
  struct Case {
    int64_t rows, in, out;
  };
  for (const auto& rig : rigs())
    for (const DType dtype : kFormats)
      for (const Case& c : {Case{0, 256, 16}, Case{1, 32, 16}, Case{1, 576, 40}, Case{7, 256, 33},
                            Case{13, 1536, 17}, Case{65, 256, 1}, Case{30, 512, 48}}) {
        if (c.in % block_elements(dtype) != 0) continue;
        CAPTURE(rig->name);
        CAPTURE(dtype);
        CAPTURE(c.rows);
        CAPTURE(c.in);
        Weights w({dtype}, c.in, c.out);
        const Matrix x(c.rows, c.in, 3);
        const Linear packed = rig->ops.kernels().pack_linear(w.source, DType::f32);
        CHECK(packed.dtype == dtype);
        const Tensor y = rig->ops.linear(x.tensor, packed);
        CHECK(y.shape() == Shape{c.rows, c.out});
        CHECK(farthest(values_of(y), product(quantised(x), w, c.rows)) < 2e-5);
        // 8 bits a value: an error of at most 1/254 of a group's largest, averaged over K of them.
        CHECK(farthest(values_of(y), product({x.values.begin(), x.values.end()}, w, c.rows)) <
              0.06);
        rig->ops.arena().reset();
      }
}

TEST_CASE("rows of several formats lie side by side, even within one panel") {
  for (const auto& rig : rigs())
    for (const int64_t run : {1, 8, 16, 48}) {
      CAPTURE(rig->name);
      CAPTURE(run);
      const std::vector<DType> all(std::begin(kFormats), std::end(kFormats));
      Weights w(all, 512, 16 * 20 + 3, run);
      const Matrix x(9, 512, 3);
      const Tensor y =
          rig->ops.linear(x.tensor, rig->ops.kernels().pack_linear(w.source, DType::f32));
      CHECK(farthest(values_of(y), product(quantised(x), w, 9)) < 2e-5);
    }
}

TEST_CASE("block products have the same bits on every instruction set, tiling and thread count") {
  std::vector<DType> formats(std::begin(kFormats), std::end(kFormats));
  for (const int64_t run : {1, 32}) {
    Weights w(formats, 768, 300, run);
    const Matrix x(65, 768, 8, 2.0f);
    std::vector<float> want;
    for (const auto& rig : rigs()) {
      CAPTURE(rig->name);
      const Linear packed = rig->ops.kernels().pack_linear(w.source, DType::f32);
      const std::vector<float> whole = values_of(rig->ops.linear(x.tensor, packed));
      if (want.empty()) want = whole;
      CHECK(std::memcmp(whole.data(), want.data(), want.size() * 4) == 0);
      for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 24, 25, 64}) {
        CAPTURE(rows);
        const Tensor part(const_cast<float*>(x.values.data()) + (65 - rows) * 768, {rows, 768},
                          DType::f32);
        const std::vector<float> got = values_of(rig->ops.linear(part, packed));
        CHECK(std::memcmp(got.data(), want.data() + (65 - rows) * 300, got.size() * 4) == 0);
        rig->ops.arena().reset();
      }
    }
  }
}

TEST_CASE("linear_heads and gelu of blocks are linear's values, in another order") {
  Weights w({DType::q4_1}, 576, 120);
  const Matrix x(5, 576, 8);
  for (const auto& rig : rigs()) {
    CAPTURE(rig->name);
    const Linear packed = rig->ops.kernels().pack_linear(w.source, DType::f32);
    const std::vector<float> flat = values_of(rig->ops.linear(x.tensor, packed));
    for (const int64_t size : {24, 40, 60}) {
      const Tensor heads = rig->ops.linear_heads(x.tensor, packed, size);
      bool same = true;
      for (int64_t r = 0; r < 5; ++r)
        for (int64_t c = 0; c < 120; ++c)
          same =
              same && heads.as<float>()[(c / size * 5 + r) * size + c % size] == flat[r * 120 + c];
      CHECK(same);
    }
    const std::vector<float> fused =
        values_of(rig->ops.linear(x.tensor, packed, Activation::kGelu));
    const std::vector<float> apart = values_of(rig->ops.gelu(rig->ops.linear(x.tensor, packed)));
    CHECK(fused == apart);
    rig->ops.arena().reset();
  }
}

TEST_CASE("the largest weights and rows do not leave 16 bits, zeros stay zeros, NaN stays NaN") {
  for (const auto& rig : rigs())
    for (const DType dtype : kFormats) {
      CAPTURE(rig->name);
      CAPTURE(dtype);
      Weights w({dtype}, 256, 16);
      w.source.bias.assign(16, 0.5f);
      for (const int fill : {0x00, 0x80, 0xFF}) {  // all integers least, or -128, or largest
        for (Blocks& b : w.blocks)
          for (size_t at = 0; at < b.bytes.size(); at += size_of(dtype)) {
            const int64_t first = dtype == DType::q6_k ? 0 : dtype == DType::q8_0 ? 2 : 4;
            const int64_t last = dtype == DType::q6_k ? 192 : size_of(dtype);
            const bool plain = dtype == DType::q4_0 || dtype == DType::q5_0;
            for (int64_t i = plain ? 2 : first; i < last; ++i)
              b.bytes[at + i] = static_cast<std::byte>(fill);
          }
        for (int64_t n = 0; n < 16; ++n)
          dequantize_row(dtype, w.blocks[0].row(n), 256, w.real.data() + n * 256);
        const Linear packed = rig->ops.kernels().pack_linear(w.source, DType::f32);
        Matrix x(2, 256, 4);
        for (int i = 0; i < 256; ++i) x.values[i] = 1.0f, x.values[256 + i] = i % 2 ? -1.0f : 1.0f;
        const std::vector<double> want = product(quantised(x), w, 2);
        double most = 1;
        for (const double v : want) most = std::max(most, std::abs(v));
        CHECK(farthest(values_of(rig->ops.linear(x.tensor, packed)), want) < 2e-5 * most);
        std::fill(x.values.begin(), x.values.begin() + 256, 0.0f);
        x.values[300] = NAN;
        const std::vector<float> y = values_of(rig->ops.linear(x.tensor, packed));
        for (int n = 0; n < 16; ++n) {
          CHECK(y[n] == 0.5f);
          CHECK(std::isnan(y[16 + n]));
        }
        rig->ops.arena().reset();
      }
    }
}

TEST_CASE("blocks stay as small as they were, and rows that are no blocks are refused") {
  const Kernels& kernels = cpu_kernels(best_isa());
  for (const DType dtype : {DType::q4_0, DType::q4_1, DType::q8_0}) {
    Weights w({dtype}, 576, 1536);
    const auto stored = static_cast<double>(1536 * w.blocks[0].row_bytes);
    CHECK(kernels.pack_linear(w.source, DType::f32).packed->bytes() < stored * 1.02);
  }
  Weights w({DType::q4_0}, 64, 16);
  w.source.block_rows[3].dtype = DType::i64;
  CHECK_THROWS_WITH(kernels.pack_linear(w.source, DType::f32),
                    "pack_linear: want rows of a block format, got i64");
  w.source.block_rows.pop_back();
  CHECK_THROWS_WITH(kernels.pack_linear(w.source, DType::f32),
                    "pack_linear: want 16 rows of blocks, got 15");
}

TEST_CASE("embedding rows of blocks and of 16 bits are summed as their f32 values, to the bit") {
  constexpr int64_t kRows = 50, kCols = 512;
  const std::vector<int32_t> first{3, 49, 0, 7, 7, 12, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 40, 30, 20};
  const std::vector<int32_t> second(first.rbegin(), first.rend());
  Matrix plain(kRows, kCols, 6);
  std::vector<uint16_t> brains(kRows * kCols);
  for (size_t i = 0; i < brains.size(); ++i)
    brains[i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(plain.values[i]) >> 16);
  for (const auto& rig : rigs()) {
    CAPTURE(rig->name);
    const auto check = [&](DType dtype, const void* data) {
      CAPTURE(dtype);
      std::vector<float> real(kRows * kCols);
      dequantize_row(dtype, static_cast<const std::byte*>(data), kRows * kCols, real.data());
      const Table table{.rows = Tensor(const_cast<void*>(data), {kRows, kCols}, dtype),
                        .owner = nullptr};
      const Table other{.rows = plain.tensor, .owner = nullptr};
      const Tensor y = rig->ops.embed_sum({{table, first}, {other, second}});
      int wrong = 0;
      for (size_t t = 0; t < first.size(); ++t)
        for (int64_t c = 0; c < kCols; ++c)
          wrong += y.as<float>()[t * kCols + c] !=
                   real[first[t] * kCols + c] + plain.values[second[t] * kCols + c];
      CHECK(wrong == 0);
      rig->ops.arena().reset();
    };
    for (const DType dtype : kFormats) check(dtype, Blocks(dtype, kRows, kCols, 9).bytes.data());
    check(DType::bf16, brains.data());
    for (uint16_t& b : brains) b &= 0xBFFF;  // as halves: no infinity
    check(DType::f16, brains.data());
  }
  const Blocks blocks(DType::q4_0, 2, 32, 1);
  const Table narrow{
      .rows = Tensor(const_cast<std::byte*>(blocks.bytes.data()), {2, 40}, DType::q4_0),
      .owner = nullptr};
  const std::vector<int32_t> index{0};
  CHECK_THROWS_WITH(rigs()[0]->ops.embed_sum({{narrow, index}}),
                    "embed_sum: want rows of whole blocks of q4_0, got 40 columns");
}

TEST_CASE("16-bit weights give the bits of the same weights in f32, in half the memory") {
  constexpr int64_t kIn = 200, kOut = 75;
  const Matrix values(kOut, kIn, 2, 0.1f), bias(1, kOut, 3), x(29, kIn, 4);
  for (const DType dtype : {DType::bf16, DType::f16}) {
    CAPTURE(dtype);
    std::vector<uint16_t> halves(kIn * kOut);
    std::mt19937 random(7);
    for (size_t i = 0; i < halves.size(); ++i)
      halves[i] = dtype == DType::bf16
                      ? static_cast<uint16_t>(std::bit_cast<uint32_t>(values.values[i]) >> 16)
                      : half_of(random, i % 3 ? -0.2f : 0.0f, 0.2f);
    halves[5] = 1;  // subnormal
    LinearSource wide, narrow;
    wide.in = narrow.in = kIn;
    wide.out = narrow.out = kOut;
    wide.bias = narrow.bias = bias.values;
    wide.weight.resize(kIn * kOut);
    const auto* bytes = reinterpret_cast<const std::byte*>(halves.data());
    dequantize_row(dtype, bytes, kIn * kOut, wide.weight.data());
    for (int64_t n = 0; n < kOut; ++n) narrow.block_rows.push_back({bytes + n * kIn * 2, dtype});
    for (const auto& rig : rigs()) {
      CAPTURE(rig->name);
      const Kernels& kernels = rig->ops.kernels();
      const Linear exact = kernels.pack_linear(wide, DType::f32);
      const Linear half = kernels.pack_linear(narrow, DType::f32);
      CHECK(half.dtype == dtype);
      CHECK(half.packed->bytes() < exact.packed->bytes() * 0.52);
      for (const int64_t rows : {0, 1, 2, 5, 13, 29}) {
        const Tensor part(const_cast<float*>(x.values.data()), {rows, kIn}, DType::f32);
        for (const Activation act : {Activation::kNone, Activation::kGelu})
          CHECK(values_of(rig->ops.linear(part, half, act)) ==
                values_of(rig->ops.linear(part, exact, act)));
      }
      CHECK(values_of(rig->ops.linear_heads(x.tensor, half, 25)) ==
            values_of(rig->ops.linear_heads(x.tensor, exact, 25)));
      rig->ops.arena().reset();
    }
  }
}

TEST_CASE("16-bit rows next to rows of blocks become f32") {
  Weights w({DType::q8_0}, 64, 20);
  std::vector<uint16_t> brains(64);
  for (int i = 0; i < 64; ++i)
    brains[i] = static_cast<uint16_t>(std::bit_cast<uint32_t>(0.01f * static_cast<float>(i)) >> 16);
  w.source.block_rows[7] = {reinterpret_cast<const std::byte*>(brains.data()), DType::bf16};
  dequantize_row(DType::bf16, w.source.block_rows[7].data, 64, w.real.data() + 7 * 64);
  const Matrix x(3, 64, 1);
  for (const auto& rig : rigs()) {
    CAPTURE(rig->name);
    const Linear packed = rig->ops.kernels().pack_linear(w.source, DType::i8);
    CHECK(packed.dtype == DType::f32);
    CHECK(farthest(values_of(rig->ops.linear(x.tensor, packed)),
                   product({x.values.begin(), x.values.end()}, w, 3)) < 1e-5);
  }
}
