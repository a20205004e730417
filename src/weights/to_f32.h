// Stored tensors as f32 values. Internal to weights.
#pragma once

#include <vector>

#include "weights/checkpoint.h"

namespace winnow {

// All elements, dequantised where the tensor is quantised: (stored - zero_point) * scale in f32.
// Rows and columns are as stored; a transposed tensor [K, N] comes back as [N, K]. Throws
// kUnsupported for integer tensors without a scale.
std::vector<float> to_f32(const StoredTensor& tensor);

// An 8-bit matrix as signed integers [N, K] with a scale for each of the N outputs; empty when it
// cannot be told so exactly (not 8-bit, zero points that do not fit, scales along K).
struct SignedRows {
  std::vector<int8_t> values;
  std::vector<float> scales;
};
SignedRows to_signed_rows(const StoredTensor& tensor);

}  // namespace winnow
