// Each block is unpacked to unsigned integers with scales for its groups; values follow from those.
#include "tensor/blocks.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"

namespace winnow {
namespace {

constexpr int kGroup = 16, kMostElements = 256;

// real = (q - zero) * scale + minimum, with a scale and a minimum for each 16 elements.
struct Block {
  uint8_t q[kMostElements];
  float scale[kMostElements / kGroup], minimum[kMostElements / kGroup];
};

// What `q` has too much, of formats that have no minimum.
int zero_of(DType dtype) {
  switch (dtype) {
    case DType::q4_0:
      return 8;
    case DType::q5_0:
      return 16;
    case DType::q6_k:
      return 32;
    case DType::q8_0:
      return 128;
    default:
      return 0;
  }
}

bool has_minimum(DType dtype) { return zero_of(dtype) == 0; }

float read_f16(const uint8_t* at) {
  return f16_to_f32(static_cast<uint16_t>(at[0] | at[1] << 8));  // files are little-endian
}

// q4_0, q4_1, q5_0, q5_1: f16 d, [f16 m], [32 fifth bits], 16 bytes of low and high nibbles, which
// are the first and the second half of the elements.
void unpack_32(const uint8_t* in, bool minimum, bool fifth, Block& out) {
  for (int g = 0; g < 2; ++g) {
    out.scale[g] = read_f16(in);
    out.minimum[g] = minimum ? read_f16(in + 2) : 0.0f;
  }
  in += minimum ? 4 : 2;
  uint32_t high = 0;
  if (fifth) {
    high = in[0] | in[1] << 8 | in[2] << 16 | static_cast<uint32_t>(in[3]) << 24;
    in += 4;
  }
  for (int j = 0; j < 16; ++j) {
    out.q[j] = static_cast<uint8_t>((in[j] & 15) | (high >> j & 1) << 4);
    out.q[j + 16] = static_cast<uint8_t>(in[j] >> 4 | (high >> (j + 16) & 1) << 4);
  }
}

void unpack_q8_0(const uint8_t* in, Block& out) {
  for (int g = 0; g < 2; ++g) out.scale[g] = read_f16(in), out.minimum[g] = 0.0f;
  for (int j = 0; j < 32; ++j) out.q[j] = in[2 + j] ^ 0x80;  // i8 + 128
}

// q4_k, q5_k: f16 d, f16 dmin, 12 bytes of 6-bit scales and minimums for 8 groups of 32, [32 bytes
// of fifth bits: bit g of byte l for element l of group g], 4 x 32 bytes whose low nibbles are one
// group and whose high ones are the next.
void unpack_k(const uint8_t* in, bool fifth, Block& out) {
  const float d = read_f16(in), dmin = read_f16(in + 2);
  const uint8_t* s = in + 4;
  const uint8_t* high = in + 16;
  const uint8_t* low = in + (fifth ? 48 : 16);
  for (int g = 0; g < 8; ++g) {
    const int scale = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | s[g - 4] >> 6 << 4;
    const int minimum = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | s[g] >> 6 << 4;
    for (int half = 0; half < 2; ++half) {
      out.scale[2 * g + half] = d * static_cast<float>(scale);
      out.minimum[2 * g + half] = -(dmin * static_cast<float>(minimum));
    }
    for (int l = 0; l < 32; ++l) {
      const int nibble = low[g / 2 * 32 + l] >> (g % 2 * 4) & 15;
      out.q[g * 32 + l] = static_cast<uint8_t>(nibble | (fifth ? (high[l] >> g & 1) << 4 : 0));
    }
  }
}

// q6_k: 128 bytes of low nibbles, 64 bytes of the two bits above, 16 i8 scales, f16 d. For each 128
// elements, element l + 32 * part has its nibble in byte l + 32 * (part % 2), low for the first two
// parts, and its upper bits at 2 * part of byte l.
void unpack_q6_k(const uint8_t* in, Block& out) {
  const float d = read_f16(in + 208);
  for (int g = 0; g < 16; ++g) {
    out.scale[g] = d * static_cast<float>(static_cast<int8_t>(in[192 + g]));
    out.minimum[g] = 0.0f;
  }
  for (int e = 0; e < 256; ++e) {
    const int half = e / 128, part = e / 32 % 4, l = e % 32;
    const int nibble = in[half * 64 + part % 2 * 32 + l] >> (part / 2 * 4) & 15;
    const int upper = in[128 + half * 32 + l] >> (2 * part) & 3;
    out.q[e] = static_cast<uint8_t>(nibble | upper << 4);
  }
}

void unpack_block(DType dtype, const uint8_t* in, Block& out) {
  switch (dtype) {
    case DType::q4_0:
      return unpack_32(in, false, false, out);
    case DType::q4_1:
      return unpack_32(in, true, false, out);
    case DType::q5_0:
      return unpack_32(in, false, true, out);
    case DType::q5_1:
      return unpack_32(in, true, true, out);
    case DType::q8_0:
      return unpack_q8_0(in, out);
    case DType::q4_k:
      return unpack_k(in, false, out);
    case DType::q5_k:
      return unpack_k(in, true, out);
    default:
      return unpack_q6_k(in, out);
  }
}

// Calls take(first element, block) for each block of the row.
template <typename Take>
void for_blocks(const char* verb, DType dtype, const std::byte* data, int64_t count, Take take) {
  const int64_t elements = block_elements(dtype);
  require(elements > 1, verb, ": want a block format, got ", dtype);
  require(count >= 0 && count % elements == 0, verb, ": want a multiple of ", elements,
          " elements of ", dtype, ", got ", count);
  const auto* in = reinterpret_cast<const uint8_t*>(data);
  Block block;
  for (int64_t at = 0; at < count; at += elements, in += size_of(dtype)) {
    unpack_block(dtype, in, block);
    take(at, block);
  }
}

}  // namespace

float f16_to_f32(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = half >> 10 & 31, mantissa = half & 0x3FF;
  if (exponent == 0) {  // zero or subnormal: mantissa * 2^-24
    const float size = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(size) | sign);
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000 | mantissa << 13);
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

void dequantize_row(DType dtype, const std::byte* data, int64_t count, float* out) {
  const auto read_u16 = [&](int64_t i) {
    uint16_t value;
    std::memcpy(&value, data + 2 * i, 2);
    return value;
  };
  switch (dtype) {
    case DType::f32:
      if (count > 0) std::memcpy(out, data, count * sizeof(float));
      return;
    case DType::f16:
      for (int64_t i = 0; i < count; ++i) out[i] = f16_to_f32(read_u16(i));
      return;
    case DType::bf16:
      for (int64_t i = 0; i < count; ++i)
        out[i] = std::bit_cast<float>(static_cast<uint32_t>(read_u16(i)) << 16);
      return;
    default:
      break;
  }
  const int zero = zero_of(dtype);
  const bool minimum = has_minimum(dtype);
  const int64_t elements = block_elements(dtype);
  for_blocks("dequantize_row", dtype, data, count, [&](int64_t at, const Block& block) {
    for (int64_t i = 0; i < elements; ++i) {
      const float product = static_cast<float>(block.q[i] - zero) * block.scale[i / kGroup];
      out[at + i] = minimum ? product + block.minimum[i / kGroup] : product;
    }
  });
}

void unpack_row(DType dtype, const std::byte* data, int64_t count, uint8_t* q, float* scale,
                float* minimum) {
  const float zero = static_cast<float>(zero_of(dtype));
  const int64_t elements = block_elements(dtype);
  for_blocks("unpack_row", dtype, data, count, [&](int64_t at, const Block& block) {
    std::copy_n(block.q, elements, q + at);
    for (int64_t g = 0; g < elements / kGroup; ++g) {
      scale[at / kGroup + g] = block.scale[g];
      minimum[at / kGroup + g] =
          has_minimum(dtype) ? block.minimum[g] : -zero * block.scale[g];  // zero: at most 8 bits
    }
  });
}

}  // namespace winnow
