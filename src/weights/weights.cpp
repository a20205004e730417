#include "weights/weights.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "weights/to_f32.h"

namespace winnow {
namespace {

std::string part(std::string_view name, std::string_view which) {
  return name.empty() ? std::string(which) : cat(name, ".", which);
}

}  // namespace

Weights::Weights(std::shared_ptr<const Checkpoint> checkpoint, const Kernels& kernels,
                 DType linear_dtype, bool keep_blocks)
    : checkpoint_(std::move(checkpoint)),
      kernels_(&kernels),
      linear_dtype_(linear_dtype),
      keep_blocks_(keep_blocks),
      record_(std::make_shared<Record>()) {}

Weights Weights::scope(std::string_view name) const {
  Weights inner = *this;
  inner.prefix_ = full(name) + ".";
  return inner;
}

std::string Weights::full(std::string_view name) const { return prefix_ + std::string(name); }

bool Weights::has(std::string_view name) const { return checkpoint_->find(full(name)) != nullptr; }

const StoredTensor& Weights::need(std::string_view name, int rank) const {
  const StoredTensor* tensor = checkpoint_->find(full(name));
  if (!tensor) fail(Code::kNotFound, checkpoint_->path(), ": missing tensor `", full(name), '`');
  if (tensor->shape.rank() != rank)
    fail(Code::kCorrupt, checkpoint_->path(), ": tensor `", tensor->name, "` at byte ",
         tensor->file_offset, ": want ", rank, " dimensions, got ", tensor->shape);
  if (record_->read.insert(tensor).second) record_->parameters += tensor->shape.elements();
  return *tensor;
}

bool Weights::stay_as_they_lie(std::initializer_list<std::string_view> names) const {
  if (!keep_blocks_) return false;
  bool blocks = true, sixteen = true;  // several block formats fit side by side, one of 16 bits
  std::optional<DType> first;
  for (const std::string_view name : names) {
    const StoredTensor* tensor = checkpoint_->find(full(part(name, "weight")));
    if (!tensor || tensor->transposed) return false;
    if (!first) first = tensor->dtype;
    blocks &= is_blocked(tensor->dtype);
    sixteen &= tensor->dtype == first && (first == DType::f16 || first == DType::bf16);
  }
  return blocks || sixteen;
}

void Weights::append(LinearSource& source, std::string_view name, Form form) const {
  const StoredTensor& weight = need(part(name, "weight"), 2);
  const int64_t n = weight.shape.dim(weight.transposed ? 1 : 0),
                k = weight.shape.dim(weight.transposed ? 0 : 1);
  if (source.out > 0 && k != source.in)
    fail(Code::kCorrupt, checkpoint_->path(), ": tensor `", weight.name, "`: want ", source.in,
         " inputs as its neighbours, got ", k);
  source.in = k;
  SignedRows rows;
  if (form == Form::kI8) rows = to_signed_rows(weight);
  if (form == Form::kBlocks) {
    const int64_t row_bytes = n > 0 ? weight.bytes / n : 0;
    for (int64_t row = 0; row < n; ++row)
      source.block_rows.push_back(
          {weight.data + stored_row(weight, row) * row_bytes, weight.dtype});
  } else if (!rows.values.empty()) {
    source.quantized.insert(source.quantized.end(), rows.values.begin(), rows.values.end());
    source.scales.insert(source.scales.end(), rows.scales.begin(), rows.scales.end());
  } else {
    const std::vector<float> values = to_f32(weight);
    source.weight.insert(source.weight.end(), values.begin(), values.end());
  }
  const std::string bias_name = part(name, "bias");
  if (has(bias_name)) {
    const StoredTensor& bias = need(bias_name, 1);
    if (bias.shape.dim(0) != n)
      fail(Code::kCorrupt, checkpoint_->path(), ": tensor `", bias.name, "`: want ", n,
           " values, got ", bias.shape);
    source.bias.resize(source.out, 0.0f);
    const std::vector<float> values = to_f32(bias);
    source.bias.insert(source.bias.end(), values.begin(), values.end());
  }
  source.out += n;
}

LinearSource Weights::gather(std::initializer_list<std::string_view> names, Form form) const {
  LinearSource source;
  for (const std::string_view name : names) append(source, name, form);
  // Neighbours of which one is 8-bit and another is not: all of them from f32.
  if (!source.quantized.empty() && !source.weight.empty()) return gather(names, Form::kF32);
  return source;
}

Linear Weights::linear(std::initializer_list<std::string_view> names, bool gated) const {
  const bool lie = stay_as_they_lie(names);
  LinearSource source = gather(names, lie                          ? Form::kBlocks
                                      : linear_dtype_ == DType::i8 ? Form::kI8
                                                                   : Form::kF32);
  source.gated = gated;
  const DType dtype = source.block_rows.empty() ? linear_dtype_ : source.block_rows[0].dtype;
  return pack(std::move(source), dtype);
}

Linear Weights::linear(std::initializer_list<std::string_view> names) const {
  return linear(names, /*gated=*/false);
}

Linear Weights::linear_gated(std::initializer_list<std::string_view> names) const {
  return linear(names, /*gated=*/true);
}

Linear Weights::linear(std::initializer_list<std::string_view> names, DType dtype) const {
  return pack(gather(names, dtype == DType::i8 ? Form::kI8 : Form::kF32), dtype);
}

Linear Weights::pack(LinearSource source, DType dtype) const {
  if (!source.bias.empty()) source.bias.resize(source.out, 0.0f);
  const Linear linear = kernels_->pack_linear(std::move(source), dtype);
  record_->bytes += linear.packed->bytes();
  return linear;
}

std::vector<float> Weights::values(std::string_view name) const {
  return to_f32(need(part(name, "weight"), 1));
}

Floats Weights::place(std::vector<float> values) const {
  record_->bytes += static_cast<int64_t>(values.size() * sizeof(float));
  return kernels_->place(std::move(values));
}

Floats Weights::vector(std::string_view name) const { return place(values(name)); }

Norm Weights::norm(std::string_view name, bool with_bias) const {
  std::vector<float> weight = values(name), bias(weight.size(), 0.0f);
  if (with_bias) bias = to_f32(need(part(name, "bias"), 1));
  return {place(std::move(weight)), place(std::move(bias))};
}

Linear Weights::rows(std::string_view name, std::span<const int32_t> which) const {
  const StoredTensor& stored = need(std::string(name) + ".weight", 2);
  const int64_t n = stored.shape.dim(0), k = stored.shape.dim(1);
  const int64_t row_bytes = k / block_elements(stored.dtype) * size_of(stored.dtype);
  LinearSource source;
  source.in = k;
  source.out = static_cast<int64_t>(which.size());
  for (const int32_t row : which) {
    require(row >= 0 && row < n, checkpoint_->path(), ": tensor `", stored.name,
            "`: want a row below ", n, ", got ", row);
    StoredTensor one = stored;
    one.shape = Shape{1, k};
    one.data += row * row_bytes;
    one.bytes = row_bytes;
    const std::vector<float> values = to_f32(one);
    source.weight.insert(source.weight.end(), values.begin(), values.end());
  }
  const Linear linear = kernels_->pack_linear(std::move(source), DType::f32);
  record_->bytes += linear.packed->bytes();
  return linear;
}

Table Weights::table(std::string_view name) const {
  Table table = lying_table(name);
  if (kernels_->place_table)
    table = kernels_->place_table(std::move(table), kernels_->activations, *kernels_->memory);
  record_->bytes += table.rows.shape().elements() / block_elements(table.rows.dtype()) *
                    size_of(table.rows.dtype());
  return table;
}

Table Weights::lying_table(std::string_view name) const {
  const StoredTensor& stored = need(std::string(name) + ".weight", 2);
  const Quantization& q = stored.quantization;
  const bool plain =
      stored.dtype == DType::f32 && reinterpret_cast<uintptr_t>(stored.data) % alignof(float) == 0;
  const bool quantized = stored.dtype == DType::u8 && q.scales.size() == 1;
  const bool kept = keep_blocks_ && (is_blocked(stored.dtype) || stored.dtype == DType::f16 ||
                                     stored.dtype == DType::bf16);
  if (!stored.transposed && stored.interleaved_heads == 0 && (plain || quantized || kept)) {
    return {.rows = Tensor(const_cast<std::byte*>(stored.data), stored.shape,
                           stored.dtype),  // only ever read
            .scale = quantized ? q.scales[0] : 1.0f,
            .zero = quantized && !q.zero_points.empty() ? q.zero_points[0] : 0,
            .owner = checkpoint_};
  }
  auto values = std::make_shared<std::vector<float>>(to_f32(stored));
  const Shape shape =
      stored.transposed ? Shape{stored.shape.dim(1), stored.shape.dim(0)} : stored.shape;
  return {
      .rows = Tensor(values->data(), shape, DType::f32), .scale = 1.0f, .zero = 0, .owner = values};
}

}  // namespace winnow
