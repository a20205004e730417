// What the verbs check of their tensors, and how they hand heads to kernels. For ops*.cpp alone.
#pragma once

#include <cstdint>
#include <span>

#include "ops/kernels.h"
#include "tensor/blocks.h"
#include "tensor/tensor.h"

namespace winnow {

// Whether verbs compute on it.
inline bool is_activation(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

// Each throws kInvalidArgument, opened by the verb, unless x is a matrix, its rows are dense, or
// starts [B + 1] go from 0 to `rows`.
inline void require_matrix(const char* verb, const char* name, const Tensor& x) {
  require(x.rank() == 2 && is_activation(x.dtype()), verb, ": want ", name,
          " [T, D] f32, f16 or bf16, got ", x.shape(), ' ', x.dtype());
}

// As require_matrix says.
inline void require_dense(const char* verb, const Tensor& x) {
  require(is_activation(x.dtype()) && x.dense(), verb, ": want dense f32, f16 or bf16 rows, got ",
          x.shape(), ' ', x.dtype(), " with stride ", x.row_stride());
}

// A matrix counts as one plane.
inline HeadsView view_of(const Tensor& x) {
  return {x.data(), x.rank() == 3 ? x.plane_stride() : 0, x.row_stride()};
}

// As require_matrix says.
inline void require_starts(const char* verb, std::span<const int32_t> starts, int64_t rows) {
  require(!starts.empty() && starts.front() == 0 && starts.back() == rows, verb,
          ": want starts from 0 to ", rows, ", got ", starts.size(), " of them ending at ",
          starts.empty() ? -1 : starts.back());
}

// What embed_sum reads.
inline bool is_table(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::u8 ||
         is_blocked(dtype);
}

}  // namespace winnow
