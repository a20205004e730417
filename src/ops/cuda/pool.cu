// Texts' rows to one row each, and rows to length one.
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/rowwise.h"
#include "ops/cuda/values.cuh"

namespace winnow::cuda {
namespace {

constexpr int kPoolCols = 32, kPoolWarps = 8;
constexpr int kAhead = 16;  // rows that each warp asks for at once
constexpr int kPart = kPoolWarps * kAhead;
constexpr int kNormalizeThreads = 128;

// A block takes kPoolCols columns of a text (blockIdx.x): all of its warps fetch rows, kPart at a
// time, and the first one's lanes add them up, a column each, in order.
template <typename T, Pooling kKind>
__global__ void __launch_bounds__(kPoolWarps * 32)
    pool_kernel(const T* x, const int32_t* starts, const int32_t* skips, float* out, int cols,
                int64_t out_row) {
  __shared__ float part[2][kPart][kPoolCols];
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  const int c = static_cast<int>(blockIdx.y) * kPoolCols + lane;
  const bool has = c < cols, adds = has && warp == 0;
  const int64_t text = blockIdx.x, first = starts[text], end = starts[text + 1];
  const int64_t begin = first + (skips ? skips[text] : 0);
  out += text * out_row + c;
  x += c;
  if (begin >= end || kKind == Pooling::kCls || kKind == Pooling::kLast) {
    const int64_t row = kKind == Pooling::kLast ? end - 1 : begin;
    if (adds) *out = begin >= end ? 0.0f : widen(x[row * cols]);
    return;
  }
  float sum = kKind == Pooling::kMax ? -INFINITY : 0.0f, total = 0.0f;
  const auto take = [&](int64_t row, float value) {
    if constexpr (kKind == Pooling::kMax) {
      sum = fmaxf(sum, value);
    } else {
      const float weight =
          kKind == Pooling::kWeightedMean ? static_cast<float>(row - first + 1) : 1.0f;
      total += weight;
      sum = __fadd_rn(sum, __fmul_rn(weight, value));
    }
  };
  T ahead[kAhead] = {};
  const auto fetch = [&](int64_t from) {
#pragma unroll
    for (int i = 0; i < kAhead; ++i)
      if (const int64_t row = from + warp * kAhead + i; has && row < end) ahead[i] = x[row * cols];
  };
  fetch(begin);
  int turn = 0;
  for (int64_t row = begin; row < end; row += kPart, turn ^= 1) {
#pragma unroll
    for (int i = 0; i < kAhead; ++i) part[turn][warp * kAhead + i][lane] = widen(ahead[i]);
    __syncthreads();
    fetch(row + kPart);
    if (!adds) continue;
    const int count = static_cast<int>(end - row < kPart ? end - row : kPart);
    int i = 0;
    for (; i + kAhead <= count; i += kAhead) {
      float values[kAhead];
#pragma unroll
      for (int j = 0; j < kAhead; ++j) values[j] = part[turn][i + j][lane];
#pragma unroll
      for (int j = 0; j < kAhead; ++j) take(row + i + j, values[j]);
    }
    for (; i < count; ++i) take(row + i, part[turn][i][lane]);
  }
  if (!adds) return;
  if constexpr (kKind == Pooling::kMax)
    *out = sum;
  else
    *out = sum / (kKind == Pooling::kMeanSqrtLength ? sqrtf(total) : total);
}

// Calls body.operator()<kind>().
template <typename Body>
void with_kind(Pooling kind, Body body) {
  switch (kind) {
    case Pooling::kCls:
      return body.template operator()<Pooling::kCls>();
    case Pooling::kMax:
      return body.template operator()<Pooling::kMax>();
    case Pooling::kMean:
      return body.template operator()<Pooling::kMean>();
    case Pooling::kMeanSqrtLength:
      return body.template operator()<Pooling::kMeanSqrtLength>();
    case Pooling::kWeightedMean:
      return body.template operator()<Pooling::kWeightedMean>();
    case Pooling::kLast:
      return body.template operator()<Pooling::kLast>();
  }
}

// A block a row: squares in f64, a thread's columns in order, then pairs of threads.
template <typename T>
__global__ void normalize_kernel(const T* x, float* out, int cols) {
  __shared__ double sums[kNormalizeThreads];
  x += int64_t{blockIdx.x} * cols;
  out += int64_t{blockIdx.x} * cols;
  const int thread = static_cast<int>(threadIdx.x);
  double sum = 0.0;
  for (int c = thread; c < cols; c += kNormalizeThreads) {
    const double value = widen(x[c]);
    sum = fma(value, value, sum);
  }
  sums[thread] = sum;
  __syncthreads();
  for (int step = kNormalizeThreads / 2; step > 0; step /= 2) {
    if (thread < step) sums[thread] += sums[thread + step];
    __syncthreads();
  }
  const double length = fmax(sqrt(sums[0]), 1e-12);
  for (int c = thread; c < cols; c += kNormalizeThreads)
    out[c] = static_cast<float>(widen(x[c]) / length);
}

}  // namespace

void pool_rows(const PoolRowsArgs& a, Stream& stream) {
  const auto texts = static_cast<int64_t>(a.starts.size()) - 1;
  const auto kinds = static_cast<int64_t>(a.kinds.size());
  if (texts <= 0 || a.cols == 0) return;
  const int32_t* starts = of(stream).upload(a.starts);
  const int32_t* skips = a.skips.empty() ? nullptr : of(stream).upload(a.skips);
  const dim3 grid(static_cast<unsigned>(texts),
                  static_cast<unsigned>((a.cols + kPoolCols - 1) / kPoolCols));
  with_type("pool_rows", a.type, [&]<typename T>() {
    for (int64_t k = 0; k < kinds; ++k)
      with_kind(a.kinds[k], [&]<Pooling kKind>() {
        pool_kernel<T, kKind><<<grid, kPoolWarps * 32, 0, of(stream).queue()>>>(
            static_cast<const T*>(a.x), starts, skips, a.out + k * a.cols, static_cast<int>(a.cols),
            kinds * a.cols);
      });
  });
  check_launch("pool_rows");
}

void normalize_rows(const NormalizeRowsArgs& a, Stream& stream) {
  if (a.rows == 0 || a.cols == 0) return;
  with_type("normalize_rows", a.type, [&]<typename T>() {
    normalize_kernel<<<static_cast<unsigned>(a.rows), kNormalizeThreads, 0, of(stream).queue()>>>(
        static_cast<const T*>(a.x), a.out, static_cast<int>(a.cols));
  });
  check_launch("normalize_rows");
}

}  // namespace winnow::cuda
