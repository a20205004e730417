// Matrix products on GPUs with all that follows them fused: scales, bias, activation, gate,
// residual.
//
// The promise on bits: a row of out is a function of its own row of x, of w and of the arguments
// that do not speak of rows. Sums are f32, 16 elements of k at a time (f8: 32, and each 128 of k
// summed on their own first) in order of k, in one accumulator: k is never split, so that every
// tile and every m give the same bits.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <span>

#include "ops/kernels.h"
#include "tensor/dtype.h"

namespace winnow::cuda {

// out = act(x w^T + bias) + residual, rounded once.
struct GemmArgs {
  const void* x;  // [m, k], rows x_stride elements apart, of type
  int64_t x_stride;
  // [n, k] dense, of type; gated: rows gate_0, up_0, gate_1, up_1, ... Read while the kernel queued
  // before may still run: a product's out is not the next product's w.
  const void* w;
  const float* bias = nullptr;     // [n], or null; gated: interleaved as w
  const void* residual = nullptr;  // [m, n] of out_type, or null; not with gated
  int64_t residual_stride = 0;
  void* out;  // [m, n] of out_type; gated: [m, n / 2] = act(gate) * up
  int64_t out_stride;
  int64_t m, n, k;
  DType type, out_type;  // f16, bf16, f8_e4m3; the same or f32, of f8_e4m3 any of the four
  Activation activation = Activation::kNone;
  bool gated = false;
  // Of f8_e4m3, where k is a multiple of 128: x is x_scales[row, k / 128] times what is stored, w
  // w_scales[row] times.
  const float* x_scales = nullptr;  // [m, k / 128]
  const float* w_scales = nullptr;  // [n]
  // Out of f8_e4m3 (n a multiple of 128, not gated): each 128 columns of a row over the largest of
  // them / 448, which is written here; a scale of 0 for zeros.
  float* out_scales = nullptr;  // [m, n / 128]
};

// The kernels among which gemm picks, numbered: mma.sync's narrow and wide tile (gemm_mma.h), the
// one for few rows (gemm_few.h), and from kGemmTiles on gemm_tiles() in their order.
constexpr int kGemmPlain = -1;  // gemm_plain.h's: where no other can
constexpr int kGemmNarrow = 0, kGemmWide = 1, kGemmFew = 2, kGemmTiles = 3;

// Queues the product. without: kernels that are left out, a bit each: what the self test found.
// Throws kInvalidArgument for sizes and types that it cannot do, kUnsupported for f8_e4m3 without
// any kernel of it, kInternal when the driver refuses. Fast where n and k are multiples of 8 and
// rows of x, w and out start at 16 bytes; other 16-bit products go through a plain kernel, whatever
// m is.
void gemm(const GemmArgs& args, cudaStream_t queue, uint32_t without = 0);
// The kernel that gemm picks; asks no GPU. kGemmPlain of f8_e4m3: there is none.
int gemm_pick(const GemmArgs& args, bool hopper, int processors, uint32_t without);

// For tests, benchmarks and the self test at start: the same product by one tile shape of Hopper's,
// among which `gemm` picks by m, n and k.
struct GemmTile {
  int rows, cols;  // of out, that a block computes at a time
  int stages;      // slices of 128 bytes of k in flight
  int cluster;     // blocks that share what they load
  int clocks;      // of a slice, all blocks at work
};
constexpr int kGemmMaxColsF8 = 128;  // wider tiles have none: more sums than registers
std::span<const GemmTile> gemm_tiles();
void gemm_by(const GemmTile& tile, const GemmArgs& args, cudaStream_t queue);

}  // namespace winnow::cuda
