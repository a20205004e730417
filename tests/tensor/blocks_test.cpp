#include "tensor/blocks.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/error.h"

using namespace winnow;

namespace {

constexpr DType kFormats[] = {DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
                              DType::q8_0, DType::q4_k, DType::q5_k, DType::q6_k};
constexpr int64_t kCount = 768;  // three rows of 256

std::vector<std::byte> read(const std::string& name) {
  std::ifstream file(WINNOW_TEST_DATA "/blocks/" + name, std::ios::binary);
  REQUIRE(file.good());
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  const auto* begin = reinterpret_cast<const std::byte*>(bytes.data());
  return {begin, begin + bytes.size()};
}

std::vector<std::byte> blocks_of(DType dtype) {
  std::vector<std::byte> blocks = read(std::string(name_of(dtype)) + ".blocks");
  REQUIRE(static_cast<int64_t>(blocks.size()) == kCount / block_elements(dtype) * size_of(dtype));
  return blocks;
}

}  // namespace

TEST_CASE("every block format dequantises to the values that the gguf package reads, to the bit") {
  for (const DType dtype : kFormats) {
    CAPTURE(dtype);
    const std::vector<std::byte> blocks = blocks_of(dtype);
    const std::vector<std::byte> values = read(std::string(name_of(dtype)) + ".f32");
    REQUIRE(values.size() == kCount * sizeof(float));
    std::vector<float> want(kCount), got(kCount);
    dequantize_row(DType::f32, values.data(), kCount, want.data());
    dequantize_row(dtype, blocks.data(), kCount, got.data());
    int different = 0;
    for (int64_t i = 0; i < kCount; ++i) different += got[i] != want[i];
    CHECK(different == 0);
  }
}

TEST_CASE("a row dequantises from any address and to any whole number of blocks") {
  for (const DType dtype : kFormats) {
    CAPTURE(dtype);
    std::vector<std::byte> blocks = blocks_of(dtype);
    std::vector<float> whole(kCount), part(kCount, -7.0f);
    dequantize_row(dtype, blocks.data(), kCount, whole.data());
    blocks.insert(blocks.begin(), std::byte{9});
    dequantize_row(dtype, blocks.data() + 1, 256, part.data());
    for (int64_t i = 0; i < kCount; ++i) CHECK(part[i] == (i < 256 ? whole[i] : -7.0f));
    dequantize_row(dtype, nullptr, 0, part.data());
  }
}

TEST_CASE("integers with a scale and a minimum for 16 elements are the same numbers") {
  for (const DType dtype : kFormats) {
    CAPTURE(dtype);
    const std::vector<std::byte> blocks = blocks_of(dtype);
    std::vector<float> want(kCount), scale(kCount / 16), minimum(kCount / 16);
    std::vector<uint8_t> q(kCount);
    dequantize_row(dtype, blocks.data(), kCount, want.data());
    unpack_row(dtype, blocks.data(), kCount, q.data(), scale.data(), minimum.data());
    const int top = dtype == DType::q8_0                           ? 255
                    : dtype == DType::q6_k                         ? 63
                    : dtype == DType::q5_0 || dtype == DType::q5_1 ? 31
                    : dtype == DType::q5_k                         ? 31
                                                                   : 15;
    int most = 0;
    for (int64_t i = 0; i < kCount; ++i) {
      most = std::max<int>(most, q[i]);
      const double real = static_cast<double>(q[i]) * scale[i / 16] + minimum[i / 16];
      CHECK(std::abs(real - want[i]) <=
            1e-7 * (std::abs(real) + std::abs(static_cast<double>(minimum[i / 16]))));
    }
    CHECK(most == top);  // 768 random values meet the largest
  }
}

TEST_CASE("f16 and bf16 rows widen exactly, and half precision has all its kinds of numbers") {
  const uint16_t halves[] = {0x3C00, 0xC000, 0x0001, 0x8400, 0x7BFF};
  float out[5];
  dequantize_row(DType::f16, reinterpret_cast<const std::byte*>(halves), 5, out);
  const float want[] = {1.0f, -2.0f, 0x1p-24f, -0x1p-14f, 65504.0f};
  for (int i = 0; i < 5; ++i) CHECK(out[i] == want[i]);
  CHECK(f16_to_f32(0x7C00) == INFINITY);
  CHECK(f16_to_f32(0xFC00) == -INFINITY);
  CHECK(std::isnan(f16_to_f32(0x7E00)));
  CHECK(std::signbit(f16_to_f32(0x8000)));
  const uint16_t brains[] = {0x3F80, 0xC2F7, 0x0001};
  dequantize_row(DType::bf16, reinterpret_cast<const std::byte*>(brains), 3, out);
  CHECK(out[0] == 1.0f);
  CHECK(out[1] == -123.5f);
  CHECK(out[2] == std::bit_cast<float>(0x10000u));
}

TEST_CASE("what is no whole block, or no block at all, is refused by name") {
  std::vector<std::byte> blocks(144);
  std::vector<float> out(256);
  std::vector<uint8_t> q(256);
  CHECK_THROWS_WITH(dequantize_row(DType::q4_k, blocks.data(), 32, out.data()),
                    "dequantize_row: want a multiple of 256 elements of q4_k, got 32");
  CHECK_THROWS_WITH(dequantize_row(DType::i64, blocks.data(), 1, out.data()),
                    "dequantize_row: want a block format, got i64");
  CHECK_THROWS_WITH(unpack_row(DType::f32, blocks.data(), 16, q.data(), out.data(), out.data()),
                    "unpack_row: want a block format, got f32");
}
