#include "weights/to_f32.h"

#include <bit>
#include <cstring>

#include "base/error.h"
#include "tensor/blocks.h"

namespace winnow {
namespace {

template <typename T>
T read(const std::byte* data, int64_t i) {
  T value;
  std::memcpy(&value, data + i * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

int32_t integer_at(const StoredTensor& t, int64_t i) {
  return t.dtype == DType::i8 ? read<int8_t>(t.data, i) : read<uint8_t>(t.data, i);
}

// Which entry of a quantisation's scales an element uses.
struct ScaleIndex {
  int64_t inner = 1, count = 1;
  explicit ScaleIndex(const StoredTensor& t)
      : count(static_cast<int64_t>(t.quantization.scales.size())) {
    for (int d = t.quantization.axis + 1; d < t.shape.rank(); ++d) inner *= t.shape.dim(d);
  }
  int64_t of(int64_t element) const { return count == 1 ? 0 : element / inner % count; }
};

float value_at(const StoredTensor& t, int64_t i) {
  switch (t.dtype) {
    case DType::f32:
      return read<float>(t.data, i);
    case DType::f64:
      return static_cast<float>(read<double>(t.data, i));
    case DType::f16:
      return f16_to_f32(read<uint16_t>(t.data, i));
    case DType::bf16:
      return std::bit_cast<float>(static_cast<uint32_t>(read<uint16_t>(t.data, i)) << 16);
    default:
      fail(Code::kUnsupported, t.name, ": want a tensor of real numbers, got ", t.dtype);
  }
}

bool is_8bit(const StoredTensor& t) {
  return (t.dtype == DType::i8 || t.dtype == DType::u8) && !t.quantization.scales.empty();
}

// Calls put(row, column, element) for each element of a matrix, as [N, K] whichever way it is
// stored.
template <typename Put>
void for_matrix(const StoredTensor& t, Put put) {
  const int64_t rows = t.shape.dim(0), cols = t.shape.dim(1);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c)
      t.transposed ? put(c, r, r * cols + c) : put(r, c, r * cols + c);
}

}  // namespace

std::vector<float> to_f32(const StoredTensor& t) {
  std::vector<float> out(t.shape.elements());
  const ScaleIndex index(t);
  const bool quantized = is_8bit(t);
  const auto real = [&](int64_t i) {
    if (!quantized) return value_at(t, i);
    const int64_t s = index.of(i);
    const int32_t zero = t.quantization.zero_points.empty() ? 0 : t.quantization.zero_points[s];
    return static_cast<float>(integer_at(t, i) - zero) * t.quantization.scales[s];
  };
  if (!t.transposed || t.shape.rank() != 2) {
    for (int64_t i = 0; i < t.shape.elements(); ++i) out[i] = real(i);
    return out;
  }
  const int64_t k = t.shape.dim(0);
  for_matrix(t, [&](int64_t row, int64_t column, int64_t element) {
    out[row * k + column] = real(element);
  });
  return out;
}

SignedRows to_signed_rows(const StoredTensor& t) {
  if (!is_8bit(t) || t.shape.rank() != 2) return {};
  const int output_axis = t.transposed ? 1 : 0;
  const Quantization& q = t.quantization;
  if (q.scales.size() > 1 && q.axis != output_axis) return {};
  const int64_t n = t.shape.dim(output_axis), k = t.shape.dim(1 - output_axis);
  SignedRows out{std::vector<int8_t>(n * k), std::vector<float>(n)};
  bool fits = true;
  for_matrix(t, [&](int64_t row, int64_t column, int64_t element) {
    const int64_t s = q.scales.size() == 1 ? 0 : row;
    const int32_t value = integer_at(t, element) - (q.zero_points.empty() ? 0 : q.zero_points[s]);
    fits = fits && value >= -128 && value <= 127;
    out.values[row * k + column] = static_cast<int8_t>(value);
  });
  if (!fits) return {};
  for (int64_t row = 0; row < n; ++row) out.scales[row] = q.scales[q.scales.size() == 1 ? 0 : row];
  return out;
}

}  // namespace winnow
