// The verbs: check, allocate, call. No arithmetic.
#include "ops/ops.h"

#include <vector>

#include "ops/checks.h"

namespace winnow {

Ops::Ops(const Kernels& kernels, ThreadPool& pool)
    : kernels_(kernels),
      stream_(kernels.make_stream ? kernels.make_stream(pool, *kernels.memory)
                                  : std::make_unique<Stream>(pool)),
      arena_(*kernels.memory) {}

void Ops::begin() {
  if (kernels_.begin) kernels_.begin(*stream_);
  arena_.reset();
  host_arena_.reset();
}

Tensor Ops::to_host(const Tensor& x) {
  require_matrix("to_host", "x", x);
  if (kernels_.memory->is_host()) return x;
  Tensor out = host_arena_.make(x.shape(), DType::f32);
  call(kernels_.to_host, "to_host",
       ToHostArgs{.x = x.data(),
                  .x_stride = x.row_stride(),
                  .type = x.dtype(),
                  .out = out.as<float>(),
                  .rows = x.dim(0),
                  .cols = x.cols()});
  return out;
}

Tensor::Eighths Ops::make_eighths(int64_t rows, int64_t cols) {
  return {arena_.make({rows, cols}, DType::f8_e4m3).data(),
          arena_.make({rows, cols / 128}, DType::f32).as<float>()};
}

// On some devices heads are the columns of a matrix.
Tensor Ops::make_heads(const Shape& shape, DType dtype) {
  if (!kernels_.heads_in_rows) return arena_.make(shape, dtype);
  return Tensor::heads(arena_.make({shape.dim(1), shape.dim(0) * shape.dim(2)}, dtype),
                       shape.dim(2));
}

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
  Tensor out = arena_.make({rows, cols}, kernels_.activations);
  call(kernels_.embed_sum, "embed_sum",
       EmbedSumArgs{.tables = tables,
                    .indices = indices,
                    .out = out.data(),
                    .type = out.dtype(),
                    .rows = rows,
                    .cols = cols});
  return out;
}

Tensor Ops::linear_form(const char* verb, const Tensor& x, const Linear& w,
                        const LinearForm& form) {
  require_matrix(verb, "x", x);
  require(x.cols() == w.in, verb, ": want x [T, ", w.in, "], got ", x.shape());
  const int64_t rows = x.dim(0), width = w.gated ? w.out / 2 : w.out;
  const bool planes = form.head_size > 0 && !kernels_.heads_in_rows;
  if (form.eighths) {
    Tensor out(nullptr, {rows, width}, kernels_.activations);
    out.set_eighths(make_eighths(rows, width));
    call(kernels_.linear_f8, "linear_f8",
         LinearArgs{.x = x.data(),
                    .x_stride = x.row_stride(),
                    .x_type = x.dtype(),
                    .x8 = x.eighths(),
                    .weight = w.packed.get(),
                    .out = out.eighths().values,
                    .out_type = DType::f8_e4m3,
                    .block = width,
                    .rows = rows,
                    .in = w.in,
                    .out_features = w.out,
                    .activation = form.activation,
                    .residual = nullptr,
                    .gated = false,
                    .out_scales = out.eighths().scales});
    return out;
  }
  const DType type = form.f32 || w.dtype == DType::f32 ? DType::f32 : kernels_.activations;
  Tensor out = arena_.make(
      planes ? Shape{width / form.head_size, rows, form.head_size} : Shape{rows, width}, type);
  const LinearArgs args{.x = x.data(),
                        .x_stride = x.row_stride(),
                        .x_type = x.dtype(),
                        .x8 = x.eighths(),
                        .weight = w.packed.get(),
                        .out = out.data(),
                        .out_type = type,
                        .block = planes ? form.head_size : width,
                        .rows = rows,
                        .in = w.in,
                        .out_features = w.out,
                        .activation = form.activation,
                        .residual = form.residual ? form.residual->data() : nullptr,
                        .gated = w.gated};
  if (is_blocked(w.dtype))
    call(kernels_.linear_blocks, "linear_blocks", args);
  else if (w.dtype == DType::f16 || w.dtype == DType::bf16)
    call(kernels_.linear_16bit, "linear_16bit", args);
  else if (w.dtype == DType::f8_e4m3)
    call(kernels_.linear_f8, "linear_f8", args);
  else if (w.dtype == DType::i8)
    call(kernels_.linear_i8, "linear_i8", args);
  else
    call(kernels_.linear, "linear", args);
  return form.head_size > 0 && !planes ? Tensor::heads(out, form.head_size) : out;
}

Tensor Ops::linear(const Tensor& x, const Linear& w, Activation activation) {
  require(!w.gated, "linear: want weights without a gate: linear_gated takes those");
  return linear_form("linear", x, w, {.activation = activation});
}

Tensor Ops::linear_heads(const Tensor& x, const Linear& w, int64_t head_size) {
  require(head_size > 0 && w.out % head_size == 0 && !w.gated,
          "linear_heads: want heads that divide ", w.out, " columns, got heads of ", head_size);
  return linear_form("linear_heads", x, w, {.head_size = head_size});
}

Tensor Ops::linear_add(const Tensor& x, const Linear& w, const Tensor& residual) {
  if (!kernels_.fused_linear || w.dtype == DType::f32) return add(residual, linear(x, w));
  require_dense("linear_add", residual);
  require(residual.shape() == Shape({x.dim(0), w.out}) &&
              residual.dtype() == kernels_.activations && !w.gated,
          "linear_add: want a residual [", x.dim(0), ", ", w.out, "], got ", residual.shape(), ' ',
          residual.dtype());
  return linear_form("linear_add", x, w, {.residual = &residual});
}

Tensor Ops::linear_gated(const Tensor& x, const Linear& w, Activation activation) {
  require(w.gated && w.out % 2 == 0, "linear_gated: want weights of gate and up side by side");
  if (kernels_.fused_linear && w.dtype != DType::f32)
    return linear_form("linear_gated", x, w, {.activation = activation});
  Linear both = w;
  both.gated = false;
  return gated(linear(x, both), activation);
}

Tensor Ops::mlp(const Tensor& x, const Linear& up, Activation activation, const Linear& down) {
  require(!up.gated, "mlp: want weights without a gate");
  const bool eighths =
      up.dtype == DType::f8_e4m3 && down.dtype == DType::f8_e4m3 && up.out % 128 == 0;
  return linear(linear_form("mlp", x, up, {.activation = activation, .eighths = eighths}), down);
}

Tensor Ops::logits(const Tensor& x, const Linear& w) {
  return linear_form("logits", x, w, {.f32 = true});
}

std::vector<TokenLogit> Ops::best_tokens(const Tensor& logits, int64_t count) {
  require(logits.rank() == 2 && logits.dtype() == DType::f32 && logits.dense(),
          "best_tokens: want logits [R, V] f32, got ", logits.shape(), ' ', logits.dtype());
  require(count >= 1 && count <= kMostBestTokens, "best_tokens: want 1 to ", kMostBestTokens,
          ", got ", count);
  std::vector<TokenLogit> out(logits.dim(0) * count);
  call(kernels_.choose_tokens, "best_tokens",
       ChooseTokensArgs{.logits = logits.as<float>(),
                        .rows = logits.dim(0),
                        .vocab = logits.cols(),
                        .count = count,
                        .out = out.data()});
  return out;
}

Tensor Ops::rms_norm(const Tensor& x, const Floats& weight, float eps) {
  require(is_activation(x.dtype()) && (x.rank() == 2 || x.rank() == 3),
          "rms_norm: want x [..., D], got ", x.shape(), ' ', x.dtype());
  require(weight.size() == x.cols(), "rms_norm: want weight [", x.cols(), "], got [", weight.size(),
          ']');
  Tensor out = x.rank() == 2 ? arena_.make(x.shape(), x.dtype()) : make_heads(x.shape(), x.dtype());
  if (kernels_.eighths && x.rank() == 2 && x.dtype() != DType::f32 && x.cols() % 128 == 0)
    out.set_eighths(make_eighths(x.dim(0), x.cols()));
  call(kernels_.rms_norm, "rms_norm",
       RmsNormArgs{.x = view_of(x),
                   .out = view_of(out),
                   .type = x.dtype(),
                   .weight = weight.data,
                   .planes = x.rank() == 2 ? 1 : x.dim(0),
                   .rows = x.dim(-2),
                   .cols = x.cols(),
                   .eps = eps,
                   .out8 = out.eighths()});
  return out;
}

Tensor Ops::gated(const Tensor& x, Activation activation) {
  require_matrix("gated", "x", x);
  require_dense("gated", x);
  require(x.cols() % 2 == 0 && activation != Activation::kNone,
          "gated: want an even number of columns and an activation, got ", x.shape());
  Tensor out = arena_.make({x.dim(0), x.cols() / 2}, x.dtype());
  call(kernels_.gated, "gated",
       GatedArgs{.x = x.data(),
                 .out = out.data(),
                 .type = x.dtype(),
                 .rows = x.dim(0),
                 .cols = x.cols() / 2,
                 .activation = activation});
  return out;
}

Tensor Ops::add(const Tensor& x, const Tensor& y) {
  require_dense("add", x);
  require_dense("add", y);
  require(x.shape() == y.shape() && x.dtype() == y.dtype(), "add: want two of one shape, got ",
          x.shape(), ' ', x.dtype(), " and ", y.shape(), ' ', y.dtype());
  Tensor out = arena_.make(x.shape(), x.dtype());
  call(kernels_.add, "add",
       AddArgs{x.data(), y.data(), out.data(), x.dtype(), x.shape().elements()});
  return out;
}

Tensor Ops::norm_rows(const char* verb, const Tensor& x, const Tensor* residual, const Norm& norm,
                      float eps) {
  require_matrix(verb, "x", x);
  require_dense(verb, x);
  const int64_t cols = x.cols();
  require(norm.weight.size() == cols && norm.bias.size() == cols, verb, ": want weight and bias [",
          cols, "], got [", norm.weight.size(), "] and [", norm.bias.size(), ']');
  if (residual) {
    require_dense(verb, *residual);
    require(residual->shape() == x.shape() && residual->dtype() == x.dtype(), verb,
            ": want a residual ", x.shape(), ", got ", residual->shape());
  }
  Tensor out = arena_.make(x.shape(), x.dtype());
  if (kernels_.eighths && x.dtype() != DType::f32 && x.cols() % 128 == 0)
    out.set_eighths(make_eighths(x.dim(0), x.cols()));
  call(kernels_.add_layer_norm, verb,
       AddLayerNormArgs{.x = x.data(),
                        .residual = residual ? residual->data() : nullptr,
                        .out = out.data(),
                        .type = x.dtype(),
                        .weight = norm.weight.data,
                        .bias = norm.bias.data,
                        .rows = x.dim(0),
                        .cols = x.cols(),
                        .eps = eps,
                        .out8 = out.eighths()});
  return out;
}

Tensor Ops::add_layer_norm(const Tensor& x, const Tensor& residual, const Norm& norm, float eps) {
  return norm_rows("add_layer_norm", x, &residual, norm, eps);
}

Tensor Ops::layer_norm(const Tensor& x, const Norm& norm, float eps) {
  return norm_rows("layer_norm", x, nullptr, norm, eps);
}

Tensor Ops::gather_rows(const Tensor& x, std::span<const int32_t> rows) {
  require(is_activation(x.dtype()) && (x.rank() == 2 || x.rank() == 3),
          "gather_rows: want x [T, D] or [H, T, E], got ", x.shape(), ' ', x.dtype());
  const int64_t x_rows = x.dim(-2);
  for (const int32_t row : rows)
    require(row >= 0 && row < x_rows, "gather_rows: want a row below ", x_rows, ", got ", row);
  const auto count = static_cast<int64_t>(rows.size());
  Tensor out = x.rank() == 2 ? arena_.make({count, x.cols()}, x.dtype())
                             : make_heads({x.dim(0), count, x.cols()}, x.dtype());
  call(kernels_.gather_rows, "gather_rows",
       GatherRowsArgs{.x = view_of(x),
                      .out = view_of(out),
                      .type = x.dtype(),
                      .planes = x.rank() == 2 ? 1 : x.dim(0),
                      .rows = rows,
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
       PoolRowsArgs{.x = x.data(),
                    .type = x.dtype(),
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
       NormalizeRowsArgs{x.data(), x.dtype(), out.as<float>(), x.dim(0), x.cols()});
  return out;
}

Tensor Ops::gelu(const Tensor& x) {
  require_dense("gelu", x);
  Tensor out = arena_.make(x.shape(), x.dtype());
  call(kernels_.gelu, "gelu",
       ElementwiseArgs{x.data(), out.data(), x.dtype(), x.shape().elements()});
  return out;
}

Tensor Ops::tanh(const Tensor& x) {
  require_dense("tanh", x);
  Tensor out = arena_.make(x.shape(), x.dtype());
  call(kernels_.tanh, "tanh",
       ElementwiseArgs{x.data(), out.data(), x.dtype(), x.shape().elements()});
  return out;
}

}  // namespace winnow
