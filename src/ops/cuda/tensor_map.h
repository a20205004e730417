// Tensor maps: how Hopper's copy engine is told of a matrix. Encoded by the driver, through the
// runtime's entry points, so that nothing links to it.
#pragma once

#include <cuda.h>

#include <cstdint>

#include "tensor/dtype.h"

namespace winnow::cuda {

constexpr int kLineBytes = 128;  // a box is that wide, its lines swizzled by 16 bytes

// Of a matrix [rows, cols], rows `stride` elements apart and at 16 bytes, of f16, bf16 or f8_e4m3:
// boxes of box_rows lines. Throws kInternal when the driver refuses.
CUtensorMap map_of(const void* data, DType type, int64_t rows, int64_t cols, int64_t stride,
                   int box_rows);

// The same matrix as panels of 128 bytes of columns, [cols / panel, rows, panel]: a box holds
// box_panels of them, one after the other. cols: whole panels.
CUtensorMap panels_of(const void* data, DType type, int64_t rows, int64_t cols, int64_t stride,
                      int box_rows, int box_panels);

// A matrix whose boxes of `box_rows` rows may end early: coordinates {col, box_rows - n, row + n}
// are n rows from `row` on; those after them are out of the map's second dimension, so loads write
// zeros and stores nothing. Both dimensions step by a row, from box_rows rows before the first. f16
// or bf16; box_cols 64 or 32, swizzled by 16 bytes within them.
CUtensorMap ending_rows_of(const void* data, DType type, int64_t rows, int64_t cols, int64_t stride,
                           int box_rows, int box_cols);

}  // namespace winnow::cuda
