// The plain product in f32: what 16-bit products are checked against. Each value is one thread's
// sum over k in order with fused multiply-add, so neither tile nor number of rows changes a bit.
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/pack.h"
#include "ops/cuda/rowwise.h"
#include "ops/cuda/values.cuh"

namespace winnow::cuda {
namespace {

constexpr int64_t kWhole = 128;  // past the end of k come zeros up to a multiple: every tile alike
constexpr int kPad = 4;          // floats: with it, the two quads of a pair lie 16 banks apart

// What a thread fetches: quads (4 values of k) of a tile's lines (rows of x or w), two of a line
// and then the next line's, so that a warp reads whole sectors and writes to each bank once.
struct Quad {
  int line, k;
  __device__ Quad(int piece, int lines)
      : line(piece / 2 % lines), k((piece % 2 + piece / (2 * lines) * 2) * 4) {}
};

// Four values of a row from k on; zeros past its end.
template <typename T>
__device__ void load_4(const T* row, int64_t k, int64_t end, bool vectors, float (&out)[4]) {
  if (vectors && k + 4 <= end) {
    if constexpr (sizeof(T) == 4) {
      load(row + k, out);
    } else {
      const uint2 raw = *reinterpret_cast<const uint2*>(row + k);
      const T* values = reinterpret_cast<const T*>(&raw);
#pragma unroll
      for (int j = 0; j < 4; ++j) out[j] = widen(values[j]);
    }
    return;
  }
#pragma unroll
  for (int j = 0; j < 4; ++j) out[j] = k + j < end ? widen(row[k + j]) : 0.0f;
}

template <typename T>
struct Product {
  const T* x;
  const float *w, *bias;
  float* out;
  int64_t x_stride, rows, k, n;
  bool x_vectors, w_vectors;
  Activation activation;
};

// A block makes kRows x kCols values, kDepth of k at a time; a thread kTileRows x kTileCols of
// them, in pieces of 4 columns (and rows) that lie kCols / (kTileCols / 4) apart.
template <typename T, int kRows, int kCols, int kDepth, int kTileRows, int kTileCols>
__global__ void __launch_bounds__(kRows / kTileRows * kCols / kTileCols)
    linear_kernel(const Product<T> a) {
  constexpr int kAcross = kCols / kTileCols, kThreads = kRows / kTileRows * kAcross;
  constexpr int kQuads = kDepth / 4;
  constexpr int kXLoads = (kRows * kQuads + kThreads - 1) / kThreads;
  constexpr int kWLoads = (kCols * kQuads + kThreads - 1) / kThreads;
  constexpr int kRowPiece = kTileRows < 4 ? kTileRows : 4,
                kColPiece = kTileCols < 4 ? kTileCols : 4;
  __shared__ __align__(16) float xs[2][kDepth][kRows + kPad], ws[2][kDepth][kCols + kPad];
  const int thread = static_cast<int>(threadIdx.x);
  const int tx = thread % kAcross, ty = thread / kAcross;
  const int64_t row0 = int64_t{blockIdx.x} * kRows, col0 = int64_t{blockIdx.y} * kCols;

  float x_next[kXLoads][4], w_next[kWLoads][4];
  const auto fetch = [&](int64_t k0) {
#pragma unroll
    for (int i = 0; i < kXLoads; ++i) {
      const int piece = thread + i * kThreads;
      const Quad quad(piece, kRows);
      const int64_t row = row0 + quad.line;
      if (row < a.rows && piece < kRows * kQuads)
        load_4(a.x + row * a.x_stride, k0 + quad.k, a.k, a.x_vectors, x_next[i]);
      else
        x_next[i][0] = x_next[i][1] = x_next[i][2] = x_next[i][3] = 0.0f;
    }
#pragma unroll
    for (int i = 0; i < kWLoads; ++i) {
      const int piece = thread + i * kThreads;
      const Quad quad(piece, kCols);
      const int64_t col = col0 + quad.line;
      if (col < a.n && piece < kCols * kQuads)
        load_4(a.w + col * a.k, k0 + quad.k, a.k, a.w_vectors, w_next[i]);
      else
        w_next[i][0] = w_next[i][1] = w_next[i][2] = w_next[i][3] = 0.0f;
    }
  };
  const auto lay = [&](int stage) {
#pragma unroll
    for (int i = 0; i < kXLoads; ++i) {
      const int piece = thread + i * kThreads;
      const Quad quad(piece, kRows);
      if (piece < kRows * kQuads) {
#pragma unroll
        for (int j = 0; j < 4; ++j) xs[stage][quad.k + j][quad.line] = x_next[i][j];
      }
    }
#pragma unroll
    for (int i = 0; i < kWLoads; ++i) {
      const int piece = thread + i * kThreads;
      const Quad quad(piece, kCols);
      if (piece < kCols * kQuads) {
#pragma unroll
        for (int j = 0; j < 4; ++j) ws[stage][quad.k + j][quad.line] = w_next[i][j];
      }
    }
  };
  // Where a thread's i-th row and column lie within the tile.
  const auto row_of = [&](int i) {
    return i / kRowPiece * (kRows / (kTileRows / kRowPiece)) + ty * kRowPiece + i % kRowPiece;
  };
  const auto col_of = [&](int i) {
    return i / kColPiece * (kCols / (kTileCols / kColPiece)) + tx * kColPiece + i % kColPiece;
  };

  static_assert(kWhole % kDepth == 0);
  const int64_t end = (a.k + kWhole - 1) / kWhole * kWhole;
  float sum[kTileRows][kTileCols] = {};
  fetch(0);
  lay(0);
  __syncthreads();
  int stage = 0;
  for (int64_t k0 = 0; k0 < end; k0 += kDepth, stage ^= 1) {
    const bool more = k0 + kDepth < end;
    if (more) fetch(k0 + kDepth);
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      float xv[kTileRows], wv[kTileCols];
#pragma unroll
      for (int i = 0; i < kTileRows; ++i) xv[i] = xs[stage][k][row_of(i)];
#pragma unroll
      for (int i = 0; i < kTileCols; ++i) wv[i] = ws[stage][k][col_of(i)];
#pragma unroll
      for (int i = 0; i < kTileRows; ++i)
#pragma unroll
        for (int j = 0; j < kTileCols; ++j) sum[i][j] = __fmaf_rn(xv[i], wv[j], sum[i][j]);
    }
    if (more) lay(stage ^ 1);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < kTileRows; ++i) {
    const int64_t row = row0 + row_of(i);
    if (row >= a.rows) continue;
#pragma unroll
    for (int j = 0; j < kTileCols; ++j) {
      const int64_t col = col0 + col_of(j);
      if (col >= a.n) continue;
      const float value = a.bias ? __fadd_rn(sum[i][j], a.bias[col]) : sum[i][j];
      a.out[row * a.n + col] = activate(value, a.activation);
    }
  }
}

template <int kRows, int kCols, int kDepth, int kTileRows, int kTileCols, typename T>
void launch(const Product<T>& a, cudaStream_t queue) {
  const dim3 grid(static_cast<unsigned>((a.rows + kRows - 1) / kRows),
                  static_cast<unsigned>((a.n + kCols - 1) / kCols));
  linear_kernel<T, kRows, kCols, kDepth, kTileRows, kTileCols>
      <<<grid, kRows / kTileRows * kCols / kTileCols, 0, queue>>>(a);
}

}  // namespace

void linear_f32(const LinearArgs& a, Stream& stream) {
  const auto& w = static_cast<const CudaLinear&>(*a.weight);
  require(w.type == DType::f32 && a.out_type == DType::f32 && a.block == a.out_features &&
              a.residual == nullptr && !a.gated,
          "linear: want f32 weights and results, one dense matrix");
  if (a.rows == 0 || a.out_features == 0) return;
  with_type("linear", a.x_type, [&]<typename T>() {
    const auto x_at = reinterpret_cast<uintptr_t>(a.x);
    const Product<T> product{.x = static_cast<const T*>(a.x),
                             .w = static_cast<const float*>(w.weight.get()),
                             .bias = w.bias.get(),
                             .out = static_cast<float*>(a.out),
                             .x_stride = a.x_stride,
                             .rows = a.rows,
                             .k = a.in,
                             .n = a.out_features,
                             .x_vectors = a.x_stride % 4 == 0 && x_at % (4 * sizeof(T)) == 0,
                             .w_vectors = a.in % 4 == 0,
                             .activation = a.activation};
    if (a.rows <= 8)  // a step's few texts: narrow tiles, so that all of the GPU reads weights
      launch<8, 32, 128, 2, 1>(product, of(stream).queue());
    else if (a.rows <= 512)
      launch<32, 64, 16, 4, 4>(product, of(stream).queue());
    else
      launch<128, 128, 16, 8, 8>(product, of(stream).queue());
  });
  check_launch("linear");
}

}  // namespace winnow::cuda
