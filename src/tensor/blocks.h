// GGUF's block formats: 32 or 256 elements as small integers with scales of their own. One
// implementation for every room. Source: the GGUF specification; models.md 7.2 says the layouts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace winnow {

// The first `count` elements of a row, in f32, exactly as the format defines them. data: any
// alignment; count: a multiple of block_elements(dtype). dtype: a block format, f32, f16 or bf16.
void dequantize_row(DType dtype, const std::byte* data, int64_t count, float* out);

// IEEE 754 half precision, exactly; subnormals, infinities and NaN included.
float f16_to_f32(uint16_t half);

// A row as unsigned integers with a scale and a minimum for each group of 16 elements:
// real = q * scale + minimum. Formats whose groups are longer repeat theirs.
//   q [count] in [0, 15], [0, 31], [0, 63] or (q8_0, offset by 128) [0, 255]; scale and minimum
//   [count / 16].
// dtype: a block format.
void unpack_row(DType dtype, const std::byte* data, int64_t count, uint8_t* q, float* scale,
                float* minimum);

}  // namespace winnow
