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

// What embed_sum reads.
bool is_table(DType dtype) {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::u8 ||
         is_blocked(dtype);
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
    require(table.rank() == 2 && table.cols() == cols && is_table(table.dtype()),
            "embed_sum: want tables [*, ", cols, "] f32, f16, bf16, u8 or blocks, got ",
            table.shape(), ' ', table.dtype());
    require(cols % block_elements(table.dtype()) == 0, "embed_sum: want rows of whole blocks of ",
            table.dtype(), ", got ", cols, " columns");
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

Tensor Ops::linear_blocks(const Tensor& x, const Linear& w, Activation activation, int64_t block) {
  require_matrix("linear", "x", x);
  require(x.cols() == w.in, "linear: want x [T, ", w.in, "], got ", x.shape());
  const Shape shape =
      block == w.out ? Shape{x.dim(0), w.out} : Shape{w.out / block, x.dim(0), block};
  Tensor out = arena_.make(shape, DType::f32);
  const LinearArgs args{.x = x.as<float>(),
                        .x_stride = x.row_stride(),
                        .weight = w.packed.get(),
                        .out = out.as<float>(),
                        .block = block,
                        .rows = x.dim(0),
                        .in = w.in,
                        .out_features = w.out,
                        .activation = activation};
  if (is_blocked(w.dtype))
    call(kernels_.linear_blocks, "linear_blocks", args);
  else if (w.dtype == DType::f16 || w.dtype == DType::bf16)
    call(kernels_.linear_16bit, "linear_16bit", args);
  else if (w.dtype == DType::i8)
    call(kernels_.linear_i8, "linear_i8", args);
  else
    call(kernels_.linear, "linear", args);
  return out;
}

Tensor Ops::linear(const Tensor& x, const Linear& w, Activation activation) {
  return linear_blocks(x, w, activation, w.out);
}

Tensor Ops::linear_heads(const Tensor& x, const Linear& w, int64_t head_size) {
  require(head_size > 0 && w.out % head_size == 0, "linear_heads: want heads that divide ", w.out,
          " columns, got heads of ", head_size);
  const Tensor out = linear_blocks(x, w, Activation::kNone, head_size);
  return Tensor(out.data(), {w.out / head_size, x.dim(0), head_size}, DType::f32);
}

Tensor Ops::attention(const Tensor& q, const Tensor& k, const Tensor& v, const Texts& texts) {
  for (const Tensor* x : {&q, &k, &v})
    require(x->rank() == 3 && x->dtype() == DType::f32,
            "attention: want q, k and v [H, T, E] f32, got ", x->shape());
  require(q.dim(0) == k.dim(0) && q.dim(2) == k.dim(2) && k.shape() == v.shape(),
          "attention: want q, k and v of the same heads, got ", q.shape(), ", ", k.shape(), ", ",
          v.shape());
  require(q.dim(2) >= 1 && q.dim(2) <= 256, "attention: want heads of 1 to 256, got ", q.dim(2));
  require_starts("attention", texts.q_starts, q.dim(1));
  require_starts("attention", texts.k_starts, k.dim(1));
  require(texts.q_starts.size() == texts.k_starts.size(),
          "attention: want starts for the same texts");
  require(texts.window >= 0, "attention: want a window from 0, got ", texts.window);
  Tensor out = arena_.make({q.dim(1), q.dim(0) * q.dim(2)}, DType::f32);
  call(kernels_.attention, "attention",
       AttentionArgs{.q = q.as<float>(),
                     .k = k.as<float>(),
                     .v = v.as<float>(),
                     .q_rows = q.dim(1),
                     .k_rows = k.dim(1),
                     .out = out.as<float>(),
                     .q_starts = texts.q_starts,
                     .k_starts = texts.k_starts,
                     .heads = q.dim(0),
                     .head_size = q.dim(2),
                     .scale = 1.0f / std::sqrt(static_cast<float>(q.dim(2))),
                     .window = texts.window});
  return out;
}

Tensor Ops::attention_cached(const Tensor& q, const Tensor& k, const Tensor& v,
                             const KvPages& cache, const CachedTexts& texts) {
  for (const Tensor* x : {&q, &k, &v})
    require(x->rank() == 3 && x->dtype() == DType::f32,
            "attention_cached: want q, k and v [H, T, E] f32, got ", x->shape());
  require(k.shape() == v.shape() && q.dim(1) == k.dim(1) && q.dim(2) == k.dim(2) &&
              q.dim(0) % k.dim(0) == 0,
          "attention_cached: want query heads in groups over kv heads, got ", q.shape(), ", ",
          k.shape(), ", ", v.shape());
  require(cache.kv_heads == k.dim(0) && cache.head_size == k.dim(2),
          "attention_cached: want a cache of ", k.dim(0), " heads of ", k.dim(2), ", got ",
          cache.kv_heads, " of ", cache.head_size);
  require(q.dim(2) >= 1 && q.dim(2) <= 256, "attention_cached: want heads of 1 to 256, got ",
          q.dim(2));
  require_starts("attention_cached", texts.starts, q.dim(1));
  require(static_cast<int64_t>(texts.positions.size()) == q.dim(1) &&
              texts.table.starts.size() == texts.starts.size(),
          "attention_cached: want a position a token and pages for ", texts.starts.size() - 1,
          " texts");
  for (size_t i = 0; i + 1 < texts.starts.size(); ++i) {
    const int32_t begin = texts.starts[i], end = texts.starts[i + 1];
    const int64_t room = (texts.table.starts[i + 1] - texts.table.starts[i]) * kPageTokens;
    for (int32_t t = begin; t < end; ++t)
      require(texts.positions[t] == texts.positions[begin] + t - begin && texts.positions[t] >= 0 &&
                  texts.positions[t] < room,
              "attention_cached: want positions that follow each other within ", room,
              " places, got ", texts.positions[t]);
  }
  Tensor out = arena_.make({q.dim(1), q.dim(0) * q.dim(2)}, DType::f32);
  call(kernels_.cached_attention, "attention_cached",
       CachedAttentionArgs{.q = q.as<float>(),
                           .k = k.as<float>(),
                           .v = v.as<float>(),
                           .out = out.as<float>(),
                           .starts = texts.starts,
                           .positions = texts.positions,
                           .cache = cache,
                           .table = texts.table,
                           .tokens = q.dim(1),
                           .heads = q.dim(0),
                           .kv_heads = k.dim(0),
                           .head_size = q.dim(2),
                           .scale = 1.0f / std::sqrt(static_cast<float>(q.dim(2)))});
  return out;
}

Tensor Ops::rope_angles(std::span<const int32_t> positions, std::span<const float> frequencies,
                        float scale) {
  const auto tokens = static_cast<int64_t>(positions.size()),
             count = static_cast<int64_t>(frequencies.size());
  Tensor out = arena_.make({tokens, 2 * count}, DType::f32);
  call(kernels_.rope_angles, "rope_angles",
       RopeAnglesArgs{.positions = positions,
                      .frequencies = frequencies,
                      .out = out.as<float>(),
                      .scale = scale});
  return out;
}

Tensor Ops::rope(const Tensor& x, const Tensor& angles) {
  require(x.rank() == 3 && x.dtype() == DType::f32, "rope: want x [H, T, E] f32, got ", x.shape());
  require(angles.shape() == Shape({x.dim(1), x.dim(2)}) && x.dim(2) % 2 == 0,
          "rope: want angles [T, E] with an even E, got ", angles.shape(), " for ", x.shape());
  Tensor out = arena_.make(x.shape(), DType::f32);
  call(kernels_.rope, "rope",
       RopeArgs{.x = x.as<float>(),
                .angles = angles.as<float>(),
                .out = out.as<float>(),
                .planes = x.dim(0),
                .tokens = x.dim(1),
                .cols = x.dim(2)});
  return out;
}

Tensor Ops::rms_norm(const Tensor& x, std::span<const float> weight, float eps) {
  require_dense("rms_norm", x);
  require(static_cast<int64_t>(weight.size()) == x.cols(), "rms_norm: want weight [", x.cols(),
          "], got [", weight.size(), ']');
  Tensor out = arena_.make(x.shape(), DType::f32);
  call(kernels_.rms_norm, "rms_norm",
       RmsNormArgs{.x = x.as<float>(),
                   .weight = weight.data(),
                   .out = out.as<float>(),
                   .rows = x.rows(),
                   .cols = x.cols(),
                   .eps = eps});
  return out;
}

Tensor Ops::gated(const Tensor& x, Activation activation) {
  require_matrix("gated", "x", x);
  require_dense("gated", x);
  require(x.cols() % 2 == 0 && activation != Activation::kNone,
          "gated: want an even number of columns and an activation, got ", x.shape());
  Tensor out = arena_.make({x.dim(0), x.cols() / 2}, DType::f32);
  call(kernels_.gated, "gated",
       GatedArgs{.x = x.as<float>(),
                 .out = out.as<float>(),
                 .rows = x.dim(0),
                 .cols = x.cols() / 2,
                 .activation = activation});
  return out;
}

Tensor Ops::add(const Tensor& x, const Tensor& y) {
  require_dense("add", x);
  require_dense("add", y);
  require(x.shape() == y.shape(), "add: want two of one shape, got ", x.shape(), " and ",
          y.shape());
  Tensor out = arena_.make(x.shape(), DType::f32);
  call(kernels_.add, "add",
       AddArgs{x.as<float>(), y.as<float>(), out.as<float>(), x.shape().elements()});
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
  require_dense("gather_rows", x);
  require(x.rank() == 2 || x.rank() == 3, "gather_rows: want x [T, D] or [H, T, E], got ",
          x.shape());
  const int64_t planes = x.rank() == 2 ? 1 : x.dim(0), x_rows = x.dim(-2);
  for (const int32_t row : rows)
    require(row >= 0 && row < x_rows, "gather_rows: want a row below ", x_rows, ", got ", row);
  const auto count = static_cast<int64_t>(rows.size());
  Tensor out = arena_.make(x.rank() == 2 ? Shape{count, x.cols()} : Shape{planes, count, x.cols()},
                           DType::f32);
  call(kernels_.gather_rows, "gather_rows",
       GatherRowsArgs{.x = x.as<float>(),
                      .planes = planes,
                      .x_rows = x_rows,
                      .rows = rows,
                      .out = out.as<float>(),
                      .cols = x.cols()});
  return out;
}

Tensor Ops::pool_rows(const Tensor& x, std::span<const int32_t> starts,
                      std::span<const int32_t> skips, std::span<const Pooling> kinds) {
  require_matrix("pool_rows", "x", x);
  require_dense("pool_rows", x);
  require_starts("pool_rows", starts, x.dim(0));
  require(!kinds.empty(), "pool_rows: want a kind of pooling, got none");
  require(skips.empty() || skips.size() + 1 == starts.size(), "pool_rows: want ", starts.size() - 1,
          " skips, got ", skips.size());
  for (const int32_t skip : skips) require(skip >= 0, "pool_rows: want skips from 0, got ", skip);
  const auto width = static_cast<int64_t>(kinds.size()) * x.cols();
  Tensor out = arena_.make({static_cast<int64_t>(starts.size()) - 1, width}, DType::f32);
  call(kernels_.pool_rows, "pool_rows",
       PoolRowsArgs{.x = x.as<float>(),
                    .starts = starts,
                    .skips = skips,
                    .kinds = kinds,
                    .out = out.as<float>(),
                    .cols = x.cols()});
  return out;
}

Tensor Ops::normalize_rows(const Tensor& x) {
  require_matrix("normalize_rows", "x", x);
  require_dense("normalize_rows", x);
  Tensor out = arena_.make(x.shape(), DType::f32);
  call(kernels_.normalize_rows, "normalize_rows",
       NormalizeRowsArgs{x.as<float>(), out.as<float>(), x.dim(0), x.cols()});
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
