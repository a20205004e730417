#include "ops/cuda/linear.h"

#include "base/error.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/gemm.h"
#include "ops/cuda/pack.h"

namespace winnow::cuda {

void linear_16bit(const LinearArgs& a, Stream& stream) {
  const auto& w = static_cast<const CudaLinear&>(*a.weight);
  require(a.x_type == w.type, "linear: want x in the weights' type ", w.type, ", got ", a.x_type);
  const int64_t width = a.gated ? a.out_features / 2 : a.out_features;
  gemm({.x = a.x,
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
        .gated = a.gated},
       of(stream).queue());
}

}  // namespace winnow::cuda
