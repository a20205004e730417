#include "ops/cuda/linear.h"

#include "base/error.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/gemm.h"
#include "ops/cuda/pack.h"
#include "ops/cuda/rowwise.h"

namespace winnow::cuda {

namespace {

GemmArgs gemm_args(const LinearArgs& a, const CudaLinear& w) {
  const int64_t width = a.gated ? a.out_features / 2 : a.out_features;
  return {.x = a.x,
          .x_stride = a.x_stride,
          .w = w.weight.get(),
          .bias = w.bias.get(),
          .residual = a.residual,
          .residual_stride = a.residual ? width : 0,
          .out = a.out,
          .out_stride = width,
          .m = a.rows,
          .n = a.out_features,
          .k = a.in,
          .type = w.type,
          .out_type = a.out_type,
          .activation = a.activation,
          .gated = a.gated};
}

// In the queue's own memory, which the next product may use again: the queue is in order.
Tensor::Eighths eighths_of(const LinearArgs& a, CudaStream& stream) {
  require(a.x_stride == a.in, "linear_f8: want dense rows, got ", a.in, " columns ", a.x_stride,
          " apart");
  const int64_t bytes = (a.rows * a.in + 255) / 256 * 256;
  auto* memory = static_cast<std::byte*>(
      stream.workspace(bytes + a.rows * (a.in / 128) * static_cast<int64_t>(sizeof(float))));
  const Tensor::Eighths out{memory, reinterpret_cast<float*>(memory + bytes)};
  quantize_rows({.x = a.x, .type = a.x_type, .out = out, .rows = a.rows, .cols = a.in}, stream);
  return out;
}

}  // namespace

void linear_16bit(const LinearArgs& a, Stream& stream) {
  const auto& w = static_cast<const CudaLinear&>(*a.weight);
  require(a.x_type == w.type, "linear: want x in the weights' type ", w.type, ", got ", a.x_type);
  const LeftOut& left_out = of(stream).gpu().left_out;
  gemm(gemm_args(a, w), of(stream).queue(), w.type == DType::f16 ? left_out.f16 : left_out.bf16);
}

void linear_f8(const LinearArgs& a, Stream& stream) {
  if (a.rows == 0) return;
  const auto& w = static_cast<const CudaLinear&>(*a.weight);
  const Tensor::Eighths x = a.x8.values ? a.x8 : eighths_of(a, of(stream));
  GemmArgs args = gemm_args(a, w);
  args.x = x.values;
  args.x_stride = a.in;
  args.x_scales = x.scales;
  args.w_scales = w.scales.get();
  args.out_scales = a.out_scales;
  gemm(args, of(stream).queue(), of(stream).gpu().left_out.f8);
}

}  // namespace winnow::cuda
