// Stored tensors as f32 values. Internal to weights.
#pragma once

#include <vector>

#include "weights/checkpoint.h"

namespace winnow {

// All elements, dequantised where the tensor is quantised ((stored - zero_point) * scale in f32) or
// of a block format. A transposed tensor [K, N] comes back as [N, K], interleaved heads in
// PyTorch's order; else rows and columns are as stored. Throws kUnsupported for integer tensors
// without a scale.
std::vector<float> to_f32(const StoredTensor& tensor);

// Where PyTorch's row of that index lies in the file (StoredTensor::interleaved_heads).
int64_t stored_row(const StoredTensor& tensor, int64_t row);

// An 8-bit matrix as signed integers [N, K] with a scale for each of the N outputs; empty when it
// cannot be told so exactly (not 8-bit, zero points that do not fit, scales along K).
struct SignedRows {
  std::vector<int8_t> values;
  std::vector<float> scales;
};
SignedRows to_signed_rows(const StoredTensor& tensor);

}  // namespace winnow
