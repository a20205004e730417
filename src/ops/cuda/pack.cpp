#include "ops/cuda/pack.h"

#include <cuda_fp8.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "tensor/blocks.h"

namespace winnow::cuda {
namespace {

constexpr int64_t kPartBytes = int64_t{16} << 20;  // of rows that are converted, then sent, at once

std::shared_ptr<void> allocate(Memory& memory, int64_t bytes) {
  return {memory.allocate(std::max<int64_t>(bytes, 1)), [&memory](void* p) { memory.release(p); }};
}

uint16_t bf16_of(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  const uint32_t nan = bits >> 16 | 0x40;  // stays one
  return static_cast<uint16_t>((bits & 0x7FFFFFFF) > 0x7F800000 ? nan : rounded);
}

// Without a branch, so that compilers make vectors of it. Subnormals are rounded by adding a float
// whose last place is theirs, 2^-24.
uint16_t f16_of(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x), sign = bits >> 16 & 0x8000,
                 size = bits & 0x7FFFFFFF;
  const uint32_t normal = (size - (112u << 23) + 0xFFF + (size >> 13 & 1)) >> 13;
  const uint32_t small =
      std::bit_cast<uint32_t>(std::bit_cast<float>(size) + 0.5f) - std::bit_cast<uint32_t>(0.5f);
  const uint32_t large = size > 0x7F800000 ? 0x7E00 : 0x7C00;
  const uint32_t finite = size < (113u << 23) ? small : normal;
  return static_cast<uint16_t>(sign | (size >= 0x477FF000 ? large : finite));
}

// Returns the scale: real = stored * scale.
float to_f8(const float* x, int64_t count, uint8_t* out) {
  float most = 0.0f;
  for (int64_t i = 0; i < count; ++i) most = std::max(most, std::fabs(x[i]));
  const float scale = most > 0.0f ? most / 448.0f : 1.0f;
  for (int64_t i = 0; i < count; ++i)
    out[i] = __nv_cvt_float_to_fp8(x[i] / scale, __NV_SATFINITE, __NV_E4M3);
  return scale;
}

void narrow(const float* x, int64_t count, DType to, std::byte* out) {
  if (to == DType::f32) {
    std::memcpy(out, x, static_cast<size_t>(count) * sizeof(float));
    return;
  }
  auto* halves = reinterpret_cast<uint16_t*>(out);
  if (to == DType::bf16)
    for (int64_t i = 0; i < count; ++i) halves[i] = bf16_of(x[i]);
  else
    for (int64_t i = 0; i < count; ++i) halves[i] = f16_of(x[i]);
}

void require_plain(const char* verb, DType dtype) {
  if (dtype != DType::f32 && dtype != DType::f16 && dtype != DType::bf16)
    fail(Code::kUnsupported, verb, ": want f32, f16 or bf16 on a GPU, got ", dtype);
}

// Writes rows [rows, cols] of dtype to `to`, each as row(index, floats) gives it: data of some
// dtype, or the given room filled with floats.
struct StoredRow {
  const void* data;
  DType dtype;
};
template <typename Row>
void write_rows(int64_t rows, int64_t cols, DType dtype, void* to, Memory& memory, Row row) {
  const int64_t row_bytes = cols * size_of(dtype);
  if (rows == 0 || row_bytes == 0) return;
  const int64_t part = std::clamp<int64_t>(kPartBytes / row_bytes, 1, rows);
  std::vector<std::byte> ready(static_cast<size_t>(part * row_bytes));
  std::vector<float> floats(static_cast<size_t>(cols));
  for (int64_t begin = 0; begin < rows; begin += part) {
    const int64_t end = std::min(begin + part, rows);
    for (int64_t r = begin; r < end; ++r) {
      std::byte* out = ready.data() + (r - begin) * row_bytes;
      const StoredRow stored = row(r, floats.data());
      const auto* data = static_cast<const std::byte*>(stored.data);
      if (stored.dtype == dtype) {
        std::memcpy(out, data, static_cast<size_t>(row_bytes));
      } else if (stored.dtype == DType::f32 && std::bit_cast<uintptr_t>(data) % 4 == 0) {
        narrow(reinterpret_cast<const float*>(data), cols, dtype, out);
      } else {
        dequantize_row(stored.dtype, data, cols, floats.data());
        narrow(floats.data(), cols, dtype, out);
      }
    }
    memory.write(static_cast<std::byte*>(to) + begin * row_bytes, ready.data(),
                 (end - begin) * row_bytes);
  }
}

StoredRow row_of(const LinearSource& source, int64_t row, float* floats) {
  if (!source.block_rows.empty())
    return {source.block_rows[row].data, source.block_rows[row].dtype};
  if (!source.weight.empty()) return {source.weight.data() + row * source.in, DType::f32};
  const int8_t* q = source.quantized.data() + row * source.in;
  const float scale = source.scales[row];
  for (int64_t k = 0; k < source.in; ++k) floats[k] = static_cast<float>(q[k]) * scale;
  return {floats, DType::f32};
}

void check_sizes(const LinearSource& source) {
  const auto n = static_cast<size_t>(source.out), values = n * static_cast<size_t>(source.in);
  const bool whole = source.block_rows.empty()
                         ? source.weight.size() == values ||
                               (source.quantized.size() == values && source.scales.size() == n)
                         : source.block_rows.size() == n;
  require(whole && source.bias.size() <= n && (!source.gated || source.out % 2 == 0),
          "pack_linear: want weights [", source.out, ", ", source.in,
          "] and as many biases as rows, or fewer");
}

}  // namespace

int64_t CudaLinear::bytes() const {
  return in * out * size_of(type) + (bias ? out * static_cast<int64_t>(sizeof(float)) : 0);
}

// Rows of f8 and their scales.
void write_f8(const LinearSource& source, CudaLinear& packed, Memory& memory) {
  const int64_t part = std::max<int64_t>(1, kPartBytes / std::max<int64_t>(1, source.in));
  std::vector<uint8_t> ready(static_cast<size_t>(std::min(part, source.out) * source.in));
  std::vector<float> floats(static_cast<size_t>(source.in)), scales(source.out);
  for (int64_t begin = 0; begin < source.out; begin += part) {
    const int64_t end = std::min(begin + part, source.out);
    for (int64_t r = begin; r < end; ++r) {
      const StoredRow row = row_of(source, packed.source_row(r), floats.data());
      const auto* values = static_cast<const float*>(row.data);
      if (row.dtype != DType::f32) {
        dequantize_row(row.dtype, static_cast<const std::byte*>(row.data), source.in,
                       floats.data());
        values = floats.data();
      }
      scales[r] = to_f8(values, source.in, ready.data() + (r - begin) * source.in);
    }
    memory.write(static_cast<std::byte*>(packed.weight.get()) + begin * source.in, ready.data(),
                 (end - begin) * source.in);
  }
  const int64_t bytes = source.out * static_cast<int64_t>(sizeof(float));
  packed.scales = std::static_pointer_cast<float>(allocate(memory, bytes));
  memory.write(packed.scales.get(), scales.data(), bytes);
}

Linear pack(LinearSource source, DType dtype, Memory& memory) {
  if (dtype != DType::f8_e4m3) require_plain("pack_linear", dtype);
  check_sizes(source);
  auto packed = std::make_shared<CudaLinear>();
  packed->in = source.in;
  packed->out = source.out;
  packed->type = dtype;
  packed->interleaved = source.gated && dtype != DType::f32;
  packed->weight = allocate(memory, source.in * source.out * size_of(dtype));
  if (dtype == DType::f8_e4m3)
    write_f8(source, *packed, memory);
  else
    write_rows(
        source.out, source.in, dtype, packed->weight.get(), memory,
        [&](int64_t r, float* floats) { return row_of(source, packed->source_row(r), floats); });
  if (!source.bias.empty()) {
    source.bias.resize(source.out, 0.0f);
    std::vector<float> bias(source.out);
    for (int64_t r = 0; r < source.out; ++r) bias[r] = source.bias[packed->source_row(r)];
    const int64_t bytes = source.out * static_cast<int64_t>(sizeof(float));
    packed->bias = std::static_pointer_cast<float>(allocate(memory, bytes));
    memory.write(packed->bias.get(), bias.data(), bytes);
  }
  return {.in = source.in, .out = source.out, .dtype = dtype, .packed = packed};
}

Table place_table(Table table, DType dtype, Memory& memory) {
  require_plain("place_table", dtype);
  const DType from = table.rows.dtype();
  const int64_t rows = table.rows.rows(), cols = table.rows.cols();
  const int64_t from_bytes = cols / block_elements(from) * size_of(from);
  const DType to = from == DType::u8 ? from : dtype;
  std::shared_ptr<void> owner = allocate(memory, rows * cols * size_of(to));
  if (from == to)
    memory.write(owner.get(), table.rows.data(), rows * from_bytes);
  else
    write_rows(rows, cols, to, owner.get(), memory, [&](int64_t r, float*) {
      return StoredRow{table.rows.as<const std::byte>() + r * from_bytes, from};
    });
  return {.rows = Tensor(owner.get(), table.rows.shape(), to),
          .scale = table.scale,
          .zero = table.zero,
          .owner = owner};
}

}  // namespace winnow::cuda
