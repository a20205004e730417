// Kernels that compute each value from its like: sums, activations, rotations, 8-bit copies.
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/q8.cuh"
#include "ops/cuda/rowwise.h"
#include "ops/cuda/values.cuh"

namespace winnow::cuda {
namespace {

constexpr int kThreads = 256;

unsigned blocks_for(int64_t pieces) {
  return static_cast<unsigned>((pieces + kThreads - 1) / kThreads);
}

struct Gelu {
  __device__ float operator()(float x, float) const { return gelu_of(x); }
};
struct Tanh {
  __device__ float operator()(float x, float) const { return tanhf(x); }
};
struct Add {
  __device__ float operator()(float x, float y) const { return x + y; }
};

// out = f(x, y), N values a thread; the last thread may have fewer. y: null where f takes one.
template <typename T, int N, typename F>
__global__ void map_kernel(const T* x, const T* y, T* out, int64_t count, F f) {
  const int64_t at = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * N;
  if (at + N <= count) {
    float a[N], b[N] = {};
    load(x + at, a);
    if (y) load(y + at, b);
#pragma unroll
    for (int j = 0; j < N; ++j) a[j] = f(a[j], b[j]);
    store(out + at, a);
    return;
  }
  for (int64_t i = at; i < count; ++i) out[i] = narrow<T>(f(widen(x[i]), y ? widen(y[i]) : 0.0f));
}

template <typename F>
void map(const char* verb, const ElementwiseArgs& a, const void* y, F f, Stream& stream) {
  if (a.count == 0) return;
  with_type(verb, a.type, [&]<typename T>() {
    const auto* x = static_cast<const T*>(a.x);
    const auto* other = static_cast<const T*>(y);
    auto* out = static_cast<T*>(a.out);
    constexpr int N = kVec<T>;
    if (in_vectors<T>(0, {x, other, out}))
      map_kernel<T, N><<<blocks_for((a.count + N - 1) / N), kThreads, 0, of(stream).queue()>>>(
          x, other, out, a.count, f);
    else
      map_kernel<T, 1>
          <<<blocks_for(a.count), kThreads, 0, of(stream).queue()>>>(x, other, out, a.count, f);
  });
  check_launch(verb);
}

// x [rows, 2 units of N]: gates, then what they let through.
template <typename T, int N>
__global__ void gated_kernel(const T* x, T* out, int64_t rows, int units, int rows_a_block,
                             Activation activation) {
  RowPiece piece;
  if (!piece.find(rows, units, rows_a_block)) return;
  const int64_t cols = int64_t{units} * N, at = int64_t{piece.unit} * N;
  float gate[N], up[N];
  load(x + piece.row * 2 * cols + at, gate);
  load(x + piece.row * 2 * cols + cols + at, up);
#pragma unroll
  for (int j = 0; j < N; ++j) gate[j] = activate(gate[j], activation) * up[j];
  store(out + piece.row * cols + at, gate);
}

// sin and cos in f64 of an angle below 2^31 quarter turns, within 1e-13: two steps of reduction by
// pi / 2, then Taylor's series on [-pi / 4, pi / 4]. (The library's own keeps an array in local
// memory for angles beyond.)
__device__ void sine_and_cosine(double angle, double& sine, double& cosine) {
  const double turns = rint(angle * 0.63661977236758134308);
  double r = fma(-turns, 1.57079632679489655800, angle);
  r = fma(-turns, 6.12323399573676603587e-17, r);
  const double s = r * r;
  double p = 1.0 / 6227020800.0;
  p = fma(p, s, -1.0 / 39916800.0);
  p = fma(p, s, 1.0 / 362880.0);
  p = fma(p, s, -1.0 / 5040.0);
  p = fma(p, s, 1.0 / 120.0);
  p = fma(p, s, -1.0 / 6.0);
  const double sin_r = fma(p * s, r, r);
  double q = -1.0 / 87178291200.0;
  q = fma(q, s, 1.0 / 479001600.0);
  q = fma(q, s, -1.0 / 3628800.0);
  q = fma(q, s, 1.0 / 40320.0);
  q = fma(q, s, -1.0 / 720.0);
  q = fma(q, s, 1.0 / 24.0);
  q = fma(q, s, -0.5);
  const double cos_r = fma(q, s, 1.0);
  const int quarter = static_cast<int>(static_cast<long long>(turns) & 3);
  const double a = quarter & 1 ? cos_r : sin_r, b = quarter & 1 ? sin_r : cos_r;
  sine = quarter & 2 ? -a : a;
  cosine = (quarter + 1) & 2 ? -b : b;
}

// In f64, so that the rounding of a long text's large angles is the f32 product's alone.
__global__ void rope_angles_kernel(const int32_t* positions, const float* frequencies, float* out,
                                   int64_t tokens, int count, int rows_a_block, float scale) {
  RowPiece piece;
  if (!piece.find(tokens, count, rows_a_block)) return;
  const float angle = __fmul_rn(static_cast<float>(positions[piece.row]), frequencies[piece.unit]);
  double sine, cosine;
  sine_and_cosine(angle, sine, cosine);
  float* row = out + piece.row * 2 * count;
  row[piece.unit] = __double2float_rn(cosine) * scale;
  row[count + piece.unit] = __double2float_rn(sine) * scale;
}

// A row is a token: pieces of N pairs of its heads, head by head.
template <typename T, int N>
__global__ void rope_kernel(const T* x, T* out, const float* angles, int64_t tokens, int units,
                            int rows_a_block, int half, int64_t x_plane, int64_t x_row,
                            int64_t out_plane, int64_t out_row) {
  RowPiece piece;
  if (!piece.find(tokens, units, rows_a_block)) return;
  const int per_head = half / N, plane = piece.unit / per_head;
  const int c = (piece.unit - plane * per_head) * N;
  const float* row = angles + piece.row * 2 * half + c;
  float cosine[N], sine[N], lo[N], hi[N];
  load(row, cosine);
  load(row + half, sine);
  const T* from = x + plane * x_plane + piece.row * x_row + c;
  load(from, lo);
  load(from + half, hi);
#pragma unroll
  for (int j = 0; j < N; ++j) {
    const float a = __fmaf_rn(-hi[j], sine[j], __fmul_rn(lo[j], cosine[j]));
    hi[j] = __fmaf_rn(lo[j], sine[j], __fmul_rn(hi[j], cosine[j]));
    lo[j] = a;
  }
  T* to = out + plane * out_plane + piece.row * out_row + c;
  store(to, lo);
  store(to + half, hi);
}

template <typename T>
__global__ void quantize_kernel(const T* x, Tensor::Eighths out, int64_t rows, int cols) {
  const int64_t units = cols / kQ8Lane;
  const int64_t piece = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  const bool has = piece < rows * units;
  const int64_t row = has ? piece / units : 0;
  const int c = static_cast<int>(piece - row * units) * kQ8Lane;
  float y[kQ8Lane] = {};
  if (has) load(x + row * cols + c, y);
  store_q8<T>(y, row, c, cols, has, out);
}

}  // namespace

void gelu(const ElementwiseArgs& a, Stream& stream) { map("gelu", a, nullptr, Gelu{}, stream); }
void tanh(const ElementwiseArgs& a, Stream& stream) { map("tanh", a, nullptr, Tanh{}, stream); }
void add(const AddArgs& a, Stream& stream) {
  map("add", {a.x, a.out, a.type, a.count}, a.y, Add{}, stream);
}

void gated(const GatedArgs& a, Stream& stream) {
  if (a.rows == 0 || a.cols == 0) return;
  with_type("gated", a.type, [&]<typename T>() {
    const auto launch = [&]<int N>() {
      const RowGrid grid(a.rows, a.cols / N);
      gated_kernel<T, N><<<grid.grid, kRowThreads, 0, of(stream).queue()>>>(
          static_cast<const T*>(a.x), static_cast<T*>(a.out), a.rows, static_cast<int>(a.cols / N),
          grid.rows_a_block, a.activation);
    };
    if (in_vectors<T>(a.cols, {a.x, a.out}))
      launch.template operator()<kVec<T>>();
    else
      launch.template operator()<1>();
  });
  check_launch("gated");
}

void rope_angles(const RopeAnglesArgs& a, Stream& stream) {
  const auto tokens = static_cast<int64_t>(a.positions.size());
  const auto count = static_cast<int64_t>(a.frequencies.size());
  if (tokens == 0 || count == 0) return;
  const int32_t* positions = of(stream).upload(a.positions);
  const float* frequencies = of(stream).upload(a.frequencies);
  const RowGrid grid(tokens, count);
  rope_angles_kernel<<<grid.grid, kRowThreads, 0, of(stream).queue()>>>(
      positions, frequencies, a.out, tokens, static_cast<int>(count), grid.rows_a_block, a.scale);
  check_launch("rope_angles");
}

void rope(const RopeArgs& a, Stream& stream) {
  if (a.planes == 0 || a.tokens == 0 || a.cols == 0) return;
  const int64_t half = a.cols / 2;
  with_type("rope", a.type, [&]<typename T>() {
    const auto launch = [&]<int N>() {
      const int64_t units = a.planes * (half / N);
      const RowGrid grid(a.tokens, units);
      rope_kernel<T, N><<<grid.grid, kRowThreads, 0, of(stream).queue()>>>(
          static_cast<const T*>(a.x.data), static_cast<T*>(a.out.data), a.angles, a.tokens,
          static_cast<int>(units), grid.rows_a_block, static_cast<int>(half), a.x.plane, a.x.row,
          a.out.plane, a.out.row);
    };
    if (in_vectors<T>(half, {a.x.data, a.out.data, a.angles},
                      {a.x.plane, a.x.row, a.out.plane, a.out.row}))
      launch.template operator()<kVec<T>>();
    else
      launch.template operator()<1>();
  });
  check_launch("rope");
}

void quantize_rows(const QuantizeRowsArgs& a, Stream& stream) {
  require((a.type == DType::f16 || a.type == DType::bf16) && a.cols % kQ8Group == 0,
          "quantize_rows: want 16-bit rows of a multiple of ", kQ8Group, " columns, got ", a.cols,
          " of ", a.type);
  if (a.rows == 0 || a.cols == 0) return;
  const unsigned blocks = blocks_for(a.rows * (a.cols / kQ8Lane));
  if (a.type == DType::f16)
    quantize_kernel<<<blocks, kThreads, 0, of(stream).queue()>>>(
        static_cast<const __half*>(a.x), a.out, a.rows, static_cast<int>(a.cols));
  else
    quantize_kernel<<<blocks, kThreads, 0, of(stream).queue()>>>(
        static_cast<const __nv_bfloat16*>(a.x), a.out, a.rows, static_cast<int>(a.cols));
  check_launch("quantize_rows");
}

}  // namespace winnow::cuda
