// The verbs: check, allocate, call. No arithmetic.
#include "ops/ops.h"

#include <cmath>
#include <vector>

namespace winnow {
namespace {

void require_matrix(const char* verb, const char* name, const Tensor& x) {
  require(x.rank() == 2 && x.dtype() == DType::f32, verb, ": want ", name, " [T, D] f32, got ",
          x.shape(), ' ', x.dtype());
}

void require_dense(const char* verb, const Tensor& x) {
  require(x.dtype() == DType::f32 && x.row_stride() == x.cols(), verb,
          ": want dense f32 rows, got ", x.shape(), ' ', x.dtype(), " with stride ",
          x.row_stride());
}

void require_starts(const char* verb, std::span<const int32_t> starts, int64_t rows) {
  require(!starts.empty() && starts.front() == 0 && starts.back() == rows, verb,
          ": want starts from 0 to ", rows, ", got ", starts.size(), " of them ending at ",
          starts.empty() ? -1 : starts.back());
}

}  // namespace

Tensor Ops::embed_sum(std::initializer_list<Lookup> lookups) {
  require(lookups.size() >= 1 && lookups.size() <= 3, "embed_sum: want 1 to 3 tables, got ",
          lookups.size());
  const auto rows = static_cast<int64_t>(lookups.begin()->indices.size());
  const int64_t cols = lookups.begin()->table.rows.cols();
  std::vector<Table> tables;
  std::vector<std::span<const int32_t>> indices;
  for (const Lookup& lookup : lookups) {
    const Tensor& table = lookup.table.rows;
    require(table.rank() == 2 && table.cols() == cols &&
                (table.dtype() == DType::f32 || table.dtype() == DType::u8),
            "embed_sum: want tables [*, ", cols, "] f32 or u8, got ", table.shape(), ' ',
            table.dtype());
    require(static_cast<int64_t>(lookup.indices.size()) == rows, "embed_sum: want ", rows,
            " indices, got ", lookup.indices.size());
    for (const int32_t index : lookup.indices)
      require(index >= 0 && index < table.dim(0), "embed_sum: want an index below ", table.dim(0),
              ", got ", index);
    tables.push_back(lookup.table);
    indices.push_back(lookup.indices);
  }
  Tensor out = arena_.make({rows, cols}, DType::f32);
  call(kernels_.embed_sum, "embed_sum",
       EmbedSumArgs{.tables = tables,
                    .indices = indices,
                    .out = out.as<float>(),
                    .rows = rows,
                    .cols = cols});
  return out;
}

Tensor Ops::linear(const Tensor& x, const Linear& w, Activation activation) {
  require_matrix("linear", "x", x);
  require(x.cols() == w.in, "linear: want x [T, ", w.in, "], got ", x.shape());
  Tensor out = arena_.make({x.dim(0), w.out}, DType::f32);
  const LinearArgs args{.x = x.as<float>(),
                        .x_stride = x.row_stride(),
                        .weight = w.packed.get(),
                        .out = out.as<float>(),
                        .rows = x.dim(0),
                        .in = w.in,
                        .out_features = w.out,
                        .activation = activation};
  if (w.dtype == DType::i8)
    call(kernels_.linear_i8, "linear_i8", args);
  else
    call(kernels_.linear, "linear", args);
  return out;
}

Tensor Ops::attention(const Tensor& q, const Tensor& k, const Tensor& v, const Texts& texts,
                      int64_t heads) {
  require_matrix("attention", "q", q);
  require_matrix("attention", "k", k);
  require_matrix("attention", "v", v);
  require(q.cols() == k.cols() && k.shape() == v.shape() && heads > 0 && q.cols() % heads == 0,
          "attention: want q, k, v of one width, a multiple of ", heads, " heads, got ", q.shape(),
          ", ", k.shape(), ", ", v.shape());
  require_starts("attention", texts.q_starts, q.dim(0));
  require_starts("attention", texts.k_starts, k.dim(0));
  require(texts.q_starts.size() == texts.k_starts.size(),
          "attention: want starts for the same texts");
  const int64_t head_size = q.cols() / heads;
  require(head_size <= 256, "attention: want heads of at most 256, got ", head_size);
  Tensor out = arena_.make(q.shape(), DType::f32);
  call(kernels_.attention, "attention",
       AttentionArgs{.q = q.as<float>(),
                     .k = k.as<float>(),
                     .v = v.as<float>(),
                     .q_stride = q.row_stride(),
                     .k_stride = k.row_stride(),
                     .v_stride = v.row_stride(),
                     .out = out.as<float>(),
                     .q_starts = texts.q_starts,
                     .k_starts = texts.k_starts,
                     .heads = heads,
                     .head_size = head_size,
                     .scale = 1.0f / std::sqrt(static_cast<float>(head_size))});
  return out;
}

Tensor Ops::norm_rows(const char* verb, const Tensor& x, const Tensor* residual, const Norm& norm,
                      float eps) {
  require_matrix(verb, "x", x);
  require_dense(verb, x);
  const auto cols = static_cast<size_t>(x.cols());
  require(norm.weight.size() == cols && norm.bias.size() == cols, verb, ": want weight and bias [",
          cols, "], got [", norm.weight.size(), "] and [", norm.bias.size(), ']');
  if (residual) {
    require_dense(verb, *residual);
    require(residual->shape() == x.shape(), verb, ": want a residual ", x.shape(), ", got ",
            residual->shape());
  }
  Tensor out = arena_.make(x.shape(), DType::f32);
  call(kernels_.add_layer_norm, verb,
       AddLayerNormArgs{.x = x.as<float>(),
                        .residual = residual ? residual->as<float>() : nullptr,
                        .weight = norm.weight.data(),
                        .bias = norm.bias.data(),
                        .out = out.as<float>(),
                        .rows = x.dim(0),
                        .cols = x.cols(),
                        .eps = eps});
  return out;
}

Tensor Ops::add_layer_norm(const Tensor& x, const Tensor& residual, const Norm& norm, float eps) {
  return norm_rows("add_layer_norm", x, &residual, norm, eps);
}

Tensor Ops::layer_norm(const Tensor& x, const Norm& norm, float eps) {
  return norm_rows("layer_norm", x, nullptr, norm, eps);
}

Tensor Ops::gather_rows(const Tensor& x, std::span<const int32_t> rows) {
  require_matrix("gather_rows", "x", x);
  for (const int32_t row : rows)
    require(row >= 0 && row < x.dim(0), "gather_rows: want a row below ", x.dim(0), ", got ", row);
  Tensor out = arena_.make({static_cast<int64_t>(rows.size()), x.cols()}, DType::f32);
  call(kernels_.gather_rows, "gather_rows",
       GatherRowsArgs{.x = x.as<float>(),
                      .x_stride = x.row_stride(),
                      .rows = rows,
                      .out = out.as<float>(),
                      .cols = x.cols()});
  return out;
}

Tensor Ops::mean_rows(const Tensor& x, std::span<const int32_t> starts) {
  require_matrix("mean_rows", "x", x);
  require_dense("mean_rows", x);
  require_starts("mean_rows", starts, x.dim(0));
  Tensor out = arena_.make({static_cast<int64_t>(starts.size()) - 1, x.cols()}, DType::f32);
  call(
      kernels_.mean_rows, "mean_rows",
      MeanRowsArgs{.x = x.as<float>(), .starts = starts, .out = out.as<float>(), .cols = x.cols()});
  return out;
}

Tensor Ops::gelu(const Tensor& x) {
  require_dense("gelu", x);
  Tensor out = arena_.make(x.shape(), DType::f32);
  call(kernels_.gelu, "gelu",
       ElementwiseArgs{x.as<float>(), out.as<float>(), x.shape().elements()});
  return out;
}

Tensor Ops::tanh(const Tensor& x) {
  require_dense("tanh", x);
  Tensor out = arena_.make(x.shape(), DType::f32);
  call(kernels_.tanh, "tanh",
       ElementwiseArgs{x.as<float>(), out.as<float>(), x.shape().elements()});
  return out;
}

}  // namespace winnow
