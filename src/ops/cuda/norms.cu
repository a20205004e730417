// Layer norm and RMS norm: a row stays in registers between its passes. As many threads a row as
// its width asks for, so that its sums have one order whatever the number of rows.
#include <cuda_fp8.h>

#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/q8.cuh"
#include "ops/cuda/rowwise.h"
#include "ops/cuda/values.cuh"

namespace winnow::cuda {
namespace {

constexpr int kLaneValues = 32;  // of a row that a thread holds at most
constexpr int kMostThreads = 512;
constexpr int kMostCols = kMostThreads * kLaneValues;  // beyond, rows are read in each pass
constexpr int kLongThreads = 256;

// Rows of planes; row r is x + r % planes * x_plane + r / planes * x_row, so that heads that lie in
// rows are read in memory's order.
template <typename T>
struct NormRows {
  const T *x, *residual;  // residual lies as x; or null
  T* out;
  const float *weight, *bias;
  int64_t rows, planes, x_plane, x_row, out_plane, out_row;
  int cols;
  float eps;
  Tensor::Eighths q8;

  __device__ int64_t x_at(int64_t r) const {
    return planes == 1 ? r * x_row : r % planes * x_plane + r / planes * x_row;
  }
  __device__ int64_t out_at(int64_t r) const {
    return planes == 1 ? r * out_row : r % planes * out_plane + r / planes * out_row;
  }
};

// The sum over a row's threads, which every one of them gets. shared: a place a warp.
template <int kThreads>
__device__ float row_sum(float x, float* shared) {
#pragma unroll
  for (int step = (kThreads < 32 ? kThreads : 32) / 2; step > 0; step /= 2)
    x += __shfl_xor_sync(0xFFFFFFFFu, x, step);
  if constexpr (kThreads > 32) {
    constexpr int kWarps = kThreads / 32;
    const int warp = static_cast<int>(threadIdx.x) / 32;
    if (threadIdx.x % 32 == 0) shared[warp] = x;
    __syncthreads();
    const float* first = shared + warp / kWarps * kWarps;
    x = first[0];
#pragma unroll
    for (int i = 1; i < kWarps; ++i) x += first[i];
  }
  return x;
}

// kThreads a row, each with kVecs pieces of 16 bytes, kThreads pieces apart; blockDim.x / kThreads
// rows a block.
template <typename T, int kThreads, int kVecs, bool kLayerNorm>
__global__ void norm_kernel(const NormRows<T> a) {
  __shared__ float sums[2][16];
  constexpr int kWidth = kVec<T>;
  const int lane = static_cast<int>(threadIdx.x) % kThreads;
  const int64_t own = (int64_t{blockIdx.x} * blockDim.x + threadIdx.x) / kThreads;
  const int64_t row = own < a.rows ? own : a.rows - 1;  // none leaves: the others wait for it
  const T* x = a.x + a.x_at(row);
  float y[kVecs][kWidth];
#pragma unroll
  for (int i = 0; i < kVecs; ++i) {
    const int c = (lane + i * kThreads) * kWidth;
    if (c < a.cols) {
      load(x + c, y[i]);
    } else {
#pragma unroll
      for (int j = 0; j < kWidth; ++j) y[i][j] = 0.0f;
    }
  }
  if (kLayerNorm && a.residual) {
    const T* residual = a.residual + a.x_at(row);
#pragma unroll
    for (int i = 0; i < kVecs; ++i) {
      const int c = (lane + i * kThreads) * kWidth;
      float more[kWidth];
      if (c < a.cols) {
        load(residual + c, more);
#pragma unroll
        for (int j = 0; j < kWidth; ++j) y[i][j] += more[j];
      }
    }
  }
  const float count = static_cast<float>(a.cols);
  float mean = 0.0f;
  if constexpr (kLayerNorm) {
    float total = 0.0f;
#pragma unroll
    for (int i = 0; i < kVecs; ++i)
#pragma unroll
      for (int j = 0; j < kWidth; ++j) total += y[i][j];
    mean = row_sum<kThreads>(total, sums[0]) / count;
  }
  float squares = 0.0f;
#pragma unroll
  for (int i = 0; i < kVecs; ++i) {
    if ((lane + i * kThreads) * kWidth >= a.cols) continue;
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      y[i][j] -= mean;
      squares = fmaf(y[i][j], y[i][j], squares);
    }
  }
  const float scale = 1.0f / sqrtf(row_sum<kThreads>(squares, sums[1]) / count + a.eps);
#pragma unroll
  for (int i = 0; i < kVecs; ++i) {
    const int c = (lane + i * kThreads) * kWidth;
    const bool has = c < a.cols;
    if (has) {
      float weight[kWidth], bias[kWidth];
      load(a.weight + c, weight);
      if constexpr (kLayerNorm) load(a.bias + c, bias);
#pragma unroll
      for (int j = 0; j < kWidth; ++j) {
        const float d = y[i][j] * scale;
        y[i][j] = kLayerNorm ? fmaf(d, weight[j], bias[j]) : d * weight[j];
      }
      if (own < a.rows) store(a.out + a.out_at(row) + c, y[i]);
    }
    if constexpr (kWidth == kQ8Lane && kThreads >= 16) {
      if (a.q8.values) store_q8<T>(y[i], row, c, a.cols, has && own < a.rows, a.q8);
    }
  }
}

__device__ float block_sum(float x, float* shared) { return row_sum<kLongThreads>(x, shared); }

// Rows of any width and place, a block each: every pass reads the row anew.
template <typename T, bool kLayerNorm>
__global__ void long_norm_kernel(const NormRows<T> a) {
  __shared__ float sums[2][kLongThreads / 32];
  const int64_t row = blockIdx.x;
  const T* x = a.x + a.x_at(row);
  const T* residual = a.residual ? a.residual + a.x_at(row) : nullptr;
  const auto value = [&](int c) {
    return residual ? widen(x[c]) + widen(residual[c]) : widen(x[c]);
  };
  const float count = static_cast<float>(a.cols);
  const int first = static_cast<int>(threadIdx.x);
  float mean = 0.0f;
  if constexpr (kLayerNorm) {
    float total = 0.0f;
    for (int c = first; c < a.cols; c += kLongThreads) total += value(c);
    mean = block_sum(total, sums[0]) / count;
  }
  float squares = 0.0f;
  for (int c = first; c < a.cols; c += kLongThreads) {
    const float d = value(c) - mean;
    squares = fmaf(d, d, squares);
  }
  const float scale = 1.0f / sqrtf(block_sum(squares, sums[1]) / count + a.eps);
  for (int c = first; c < a.cols; c += kLongThreads) {
    const float d = (value(c) - mean) * scale;
    a.out[a.out_at(row) + c] =
        narrow<T>(kLayerNorm ? fmaf(d, a.weight[c], a.bias[c]) : d * a.weight[c]);
  }
}

template <bool kLayerNorm, typename T>
struct NormLaunch {
  const NormRows<T>& a;
  cudaStream_t queue;

  template <int kThreads, int kVecs>
  void run() const {
    const int threads = kThreads < 128 ? 128 : kThreads;
    const int64_t rows_a_block = threads / kThreads;
    const auto blocks = static_cast<unsigned>((a.rows + rows_a_block - 1) / rows_a_block);
    norm_kernel<T, kThreads, kVecs, kLayerNorm><<<blocks, threads, 0, queue>>>(a);
  }

  // The fewest threads that hold the row, from a warp on with as many values each as they may.
  void by_width() const {
    constexpr int kMost = kLaneValues / kVec<T>;  // pieces a thread
    const int pieces = a.cols / kVec<T>;
    if (pieces <= 8) return run<8, 1>();
    if (pieces <= 16) return run<16, 1>();
    if (pieces <= 32) return run<32, 1>();
    if (pieces <= 64) return run<32, 2>();
    if (pieces <= 96) return run<32, 3>();
    if (pieces <= 128) return run<32, 4>();
    if constexpr (kMost > 4) {
      if (pieces <= 192) return run<32, 6>();
      if (pieces <= 256) return run<32, 8>();
    }
    if (pieces <= 64 * kMost) return run<64, kMost>();
    if (pieces <= 128 * kMost) return run<128, kMost>();
    if (pieces <= 256 * kMost) return run<256, kMost>();
    run<512, kMost>();
  }
};

template <bool kLayerNorm, typename T>
void norm(const char* verb, const NormRows<T>& a, cudaStream_t queue) {
  if (a.rows == 0 || a.cols == 0) return;
  const bool held =
      a.cols <= kMostCols && in_vectors<T>(a.cols, {a.x, a.residual, a.out, a.weight, a.bias},
                                           {a.x_plane, a.x_row, a.out_plane, a.out_row});
  require(a.q8.values == nullptr || (sizeof(T) == 2 && held && a.planes == 1 && a.cols % 128 == 0),
          verb, ": want 16-bit rows of a multiple of 128 up to ", kMostCols,
          " columns for an 8-bit copy, got ", a.cols);
  if (held)
    NormLaunch<kLayerNorm, T>{a, queue}.by_width();
  else
    long_norm_kernel<T, kLayerNorm><<<static_cast<unsigned>(a.rows), kLongThreads, 0, queue>>>(a);
  check_launch(verb);
}

}  // namespace

void add_layer_norm(const AddLayerNormArgs& a, Stream& stream) {
  with_type("add_layer_norm", a.type, [&]<typename T>() {
    norm<true, T>("add_layer_norm",
                  {.x = static_cast<const T*>(a.x),
                   .residual = static_cast<const T*>(a.residual),
                   .out = static_cast<T*>(a.out),
                   .weight = a.weight,
                   .bias = a.bias,
                   .rows = a.rows,
                   .planes = 1,
                   .x_plane = 0,
                   .x_row = a.cols,
                   .out_plane = 0,
                   .out_row = a.cols,
                   .cols = static_cast<int>(a.cols),
                   .eps = a.eps,
                   .q8 = a.out8},
                  of(stream).queue());
  });
}

void rms_norm(const RmsNormArgs& a, Stream& stream) {
  with_type("rms_norm", a.type, [&]<typename T>() {
    norm<false, T>("rms_norm",
                   {.x = static_cast<const T*>(a.x.data),
                    .residual = nullptr,
                    .out = static_cast<T*>(a.out.data),
                    .weight = a.weight,
                    .bias = nullptr,
                    .rows = a.planes * a.rows,
                    .planes = a.planes,
                    .x_plane = a.planes == 1 ? 0 : a.x.plane,
                    .x_row = a.x.row,
                    .out_plane = a.planes == 1 ? 0 : a.out.plane,
                    .out_row = a.out.row,
                    .cols = static_cast<int>(a.cols),
                    .eps = a.eps,
                    .q8 = a.out8},
                   of(stream).queue());
  });
}

}  // namespace winnow::cuda
