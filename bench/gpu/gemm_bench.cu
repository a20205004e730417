// The matrix products of src/ops/cuda on one GPU: right, the same bits for a row in every batch and
// by every tile, and how fast beside cuBLASLt in the same run.
//   gemm_bench [check] [bits] [speed] [tiles] [small]
// cuBLASLt is loaded at run time (LD_LIBRARY_PATH) and left out when it is not there.
#include <cublasLt.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "ops/cuda/gemm.h"
#include "ops/cuda/gemm_few.h"
#include "ops/cuda/gemm_mma.h"

using namespace winnow;        // NOLINT
using namespace winnow::cuda;  // NOLINT

namespace {

#define OK(call)                                                                        \
  do {                                                                                  \
    const cudaError_t error_ = (call);                                                  \
    if (error_ != cudaSuccess) {                                                        \
      std::printf("FAILED %s:%d %s\n", __FILE__, __LINE__, cudaGetErrorString(error_)); \
      std::exit(1);                                                                     \
    }                                                                                   \
  } while (0)

template <typename T>
struct Buffer {
  T* p = nullptr;
  size_t n = 0;
  explicit Buffer(size_t count) : n(count) {
    OK(cudaMalloc(&p, std::max<size_t>(count, 8) * sizeof(T)));
  }
  ~Buffer() { cudaFree(p); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
};

__device__ uint32_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return static_cast<uint32_t>((z ^ (z >> 31)) >> 16);
}
__device__ float normal(uint64_t i, uint64_t seed) {
  const float u = (mix(i * 2 + seed * 0x9e3779b97f4a7c15ull + 1) + 0.5f) * 2.3283064e-10f;
  const float v = mix(i * 2 + 1 + seed * 0x9e3779b97f4a7c15ull + 1) * 2.3283064e-10f;
  return sqrtf(-2.f * logf(u)) * cospif(2.f * v);
}
template <typename T>
__global__ void fill(T* p, size_t n, float scale, uint64_t seed) {
  for (size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x; i < n;
       i += size_t{gridDim.x} * blockDim.x)
    p[i] = static_cast<T>(normal(i, seed) * scale);
}
template <typename T>
void randomise(Buffer<T>& b, float scale, uint64_t seed) {
  fill<<<1024, 256>>>(b.p, b.n, scale, seed);
  OK(cudaGetLastError());
}

// The product in f64 for sampled rows; act in f64. out [rows, n or n / 2].
template <typename T>
__global__ void reference(GemmArgs a, const int* rows, int row_count, double* out) {
  const int64_t cols = a.gated ? a.n / 2 : a.n;
  const int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x;
  if (i >= row_count * cols) return;
  const int64_t row = rows[i / cols], col = i % cols;
  const auto dot = [&](int64_t c) {
    double sum = 0;
    const T *x = static_cast<const T*>(a.x) + row * a.x_stride,
            *w = static_cast<const T*>(a.w) + c * a.k;
    for (int64_t k = 0; k < a.k; ++k)
      sum += static_cast<double>(static_cast<float>(x[k])) *
             static_cast<double>(static_cast<float>(w[k])) *
             (a.x_scales ? a.x_scales[row * (a.k / 128) + k / 128] : 1.f);
    if (a.w_scales) sum *= a.w_scales[c];
    if (a.bias) sum += a.bias[c];
    return sum;
  };
  const auto act = [&](double v) {
    switch (a.activation) {
      case Activation::kGelu:
        return 0.5 * v * (1 + erf(v * 0.70710678118654752));
      case Activation::kSilu:
        return v / (1 + exp(-v));
      case Activation::kGeluTanh:
        return 0.5 * v * (1 + tanh(0.79788456080286536 * (v + 0.044715 * v * v * v)));
      case Activation::kRelu:
        return v > 0 ? v : 0.;
      default:
        return v;
    }
  };
  double v = a.gated ? act(dot(2 * col)) * dot(2 * col + 1) : act(dot(col));
  if (a.residual)
    v += a.out_type == DType::f32
             ? static_cast<double>(
                   static_cast<const float*>(a.residual)[row * a.residual_stride + col])
             : static_cast<double>(static_cast<float>(
                   static_cast<const T*>(a.residual)[row * a.residual_stride + col]));
  out[i] = v;
}

struct Case {
  int64_t m, n, k;
  Activation activation = Activation::kNone;
  bool gated = false, residual = false, bias = true, f32 = false;
  const char* name = "";
};
const char* act_name(Activation a) {
  const char* names[] = {"none", "gelu", "silu", "gelu_tanh", "relu"};
  return names[static_cast<int>(a)];
}

using Run = std::function<void(const GemmArgs&)>;

// Rows of random data with paddings between rows; everything poisoned beforehand.
template <typename T>
bool check_case(const Case& c, const char* how, const Run& run, uint64_t seed) {
  const int64_t cols = c.gated ? c.n / 2 : c.n, x_stride = c.k + 8 * (seed % 3),
                out_stride = cols + 8 * (seed % 2);
  const size_t item = c.f32 ? 4 : sizeof(T);
  Buffer<T> x(c.m * x_stride + 8), w(c.n * c.k);
  Buffer<float> bias(c.n);
  Buffer<char> out((c.m + 1) * out_stride * item), res(c.m * out_stride * item);
  randomise(x, 1.f, seed);
  randomise(w, 1.f / std::sqrt(static_cast<float>(c.k)), seed + 1);
  randomise(bias, 0.5f, seed + 2);
  if (c.f32)
    fill<<<1024, 256>>>(reinterpret_cast<float*>(res.p), c.m * out_stride, 1.f, seed + 3);
  else
    fill<<<1024, 256>>>(reinterpret_cast<T*>(res.p), c.m * out_stride, 1.f, seed + 3);
  OK(cudaMemset(out.p, 0xFF, out.n));
  GemmArgs a{x.p,
             x_stride,
             w.p,
             c.bias ? bias.p : nullptr,
             c.residual ? res.p : nullptr,
             out_stride,
             out.p,
             out_stride,
             c.m,
             c.n,
             c.k,
             std::is_same_v<T, __half> ? DType::f16 : DType::bf16,
             c.f32 ? DType::f32 : (std::is_same_v<T, __half> ? DType::f16 : DType::bf16),
             c.activation,
             c.gated};
  try {
    run(a);
  } catch (const std::exception& e) {
    std::printf("  THROWN %s: %s\n", how, e.what());
    return false;
  }
  OK(cudaGetLastError());
  if (const cudaError_t e = cudaDeviceSynchronize(); e != cudaSuccess) {
    std::printf("CRASH %s m %ld n %ld k %ld: %s\n", how, long(c.m), long(c.n), long(c.k),
                cudaGetErrorString(e));
    std::exit(1);
  }
  std::vector<int> rows;
  for (int64_t r = 0; r < std::min<int64_t>(c.m, 4); ++r) rows.push_back(r);
  for (int64_t r = 4; r < c.m; r += std::max<int64_t>(1, c.m / 60)) rows.push_back(r);
  for (int64_t r = std::max<int64_t>(4, c.m - 3); r < c.m; ++r) rows.push_back(r);
  Buffer<int> drows(rows.size());
  Buffer<double> want(rows.size() * cols);
  OK(cudaMemcpy(drows.p, rows.data(), rows.size() * 4, cudaMemcpyDefault));
  reference<T><<<(want.n + 127) / 128, 128>>>(a, drows.p, static_cast<int>(rows.size()), want.p);
  OK(cudaDeviceSynchronize());
  std::vector<double> wanted(want.n);
  OK(cudaMemcpy(wanted.data(), want.p, want.n * 8, cudaMemcpyDefault));
  std::vector<char> got(out.n);
  OK(cudaMemcpy(got.data(), out.p, out.n, cudaMemcpyDefault));
  double worst = 0, num = 0, den = 0;
  int64_t bad = 0;
  const double half_step = c.f32 ? 1e-6 : (std::is_same_v<T, __half> ? 4.9e-4 : 3.92e-3);
  for (size_t i = 0; i < rows.size(); ++i)
    for (int64_t j = 0; j < cols; ++j) {
      const size_t at = rows[i] * out_stride + j;
      const double g =
          c.f32
              ? reinterpret_cast<const float*>(got.data())[at]
              : static_cast<double>(static_cast<float>(reinterpret_cast<const T*>(got.data())[at]));
      const double ref = wanted[i * cols + j], diff = std::abs(g - ref);
      num += diff * diff, den += ref * ref;
      // the units cut bits off their f32 sums of k products
      if (!(diff <= std::abs(ref) * half_step + 2e-5 + 1e-8 * c.k)) {
        if (bad++ < 3)
          std::printf("  first bad (%s): row %d col %ld got %g want %g\n", how, rows[i], long(j), g,
                      ref);
      }
      worst = std::max(worst, diff);
    }
  // nothing beyond the rows and columns may be written
  int64_t spilt = 0;
  for (int64_t r = 0; r <= c.m; ++r)
    for (size_t b = (r < c.m ? cols : 0) * item; b < out_stride * item; ++b)
      spilt += static_cast<unsigned char>(got[r * out_stride * item + b]) != 0xFF;
  const bool good = bad == 0 && spilt == 0;
  if (!good)
    std::printf(
        "BAD %-12s m %ld n %ld k %ld %s%s%s%s rel %.2e worst %.2e bad %ld of %zu, outside %ld\n",
        how, long(c.m), long(c.n), long(c.k), act_name(c.activation), c.gated ? " gated" : "",
        c.residual ? " res" : "", c.f32 ? " f32" : "", std::sqrt(num / den), worst, long(bad),
        rows.size() * cols, long(spilt));
  return good;
}

std::string tile_name(const GemmTile& t) {
  return std::to_string(t.rows) + "x" + std::to_string(t.cols) + "c" + std::to_string(t.cluster);
}

void checks() {
  int good = 0, all = 0;
  std::vector<Case> cases;
  for (int64_t m : {1, 7, 11, 64, 129, 300, 4224})
    for (bool f32 : {false, true}) {
      cases.push_back({m, 1024, 1024, Activation::kGelu, false, false, true, f32});
      cases.push_back({m, 384, 200, Activation::kNone, false, true, true, f32});
      cases.push_back({m, 1160, 72, Activation::kGeluTanh, false, false, false, f32});
      cases.push_back({m, 1792, 512, Activation::kSilu, true, false, m % 2 == 0, f32});
    }
  cases.push_back({513, 8, 8, Activation::kRelu});
  cases.push_back({333, 256, 19000, Activation::kNone, false, true});
  uint64_t seed = 100;
  for (const Case& c : cases) {
    for (const GemmTile& t : gemm_tiles()) {
      if (t.cols < 64 && c.m > 300) continue;
      const Run run = [&](const GemmArgs& a) { gemm_by(t, a, nullptr); };
      good += check_case<__nv_bfloat16>(c, tile_name(t).c_str(), run, ++seed), ++all;
      good += check_case<__half>(c, (tile_name(t) + " f16").c_str(), run, ++seed), ++all;
    }
    good += check_case<__nv_bfloat16>(
        c, "gemm", [](const GemmArgs& a) { gemm(a, nullptr); }, ++seed),
        ++all;
  }
  for (int64_t m : {1, 65, 300})
    for (bool f32 : {false, true})
      for (const Case& c : {Case{m, 2, 385, Activation::kGelu, false, true, true, f32},
                            Case{m, 101, 63, Activation::kNone, false, false, true, f32},
                            Case{m, 66, 127, Activation::kSilu, true, false, true, f32}})
        good += check_case<__nv_bfloat16>(
            c, "plain", [](const GemmArgs& a) { gemm(a, nullptr); }, 3 * ++seed),
            ++all;
  std::printf("check: %d of %d products right\n", good, all);
}

// One warp a 16 x 8 tile by mma.sync, the k steps in order.
__global__ void by_mma(const __nv_bfloat16* x, const __nv_bfloat16* w, float* out, int m, int n,
                       int k, int step) {
  const int lane = threadIdx.x, row = blockIdx.y * 16 + lane / 4, col = blockIdx.x * 8;
  float d[4] = {};
  const auto pair = [&](const __nv_bfloat16* p, int r, int c, int rows) {
    return r < rows && c < k ? *reinterpret_cast<const uint32_t*>(p + int64_t{r} * k + c) : 0u;
  };
  for (int k0 = 0; k0 < k; k0 += 16) {
    const int c = k0 + 2 * (lane % 4);
    const uint32_t a0 = pair(x, row, c, m), a1 = pair(x, row + 8, c, m),
                   a2 = pair(x, row, c + 8, m), a3 = pair(x, row + 8, c + 8, m);
    const uint32_t b0 = pair(w, col + lane / 4, c, n), b1 = pair(w, col + lane / 4, c + 8, n);
    if (step == 16) {
      asm volatile(
          "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
          "{%8,%9}, {%0,%1,%2,%3};"
          : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
          : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
    } else {
      asm volatile(
          "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
          "{%0,%1,%2,%3};"
          : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
          : "r"(a0), "r"(a1), "r"(b0));
      asm volatile(
          "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
          "{%0,%1,%2,%3};"
          : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
          : "r"(a2), "r"(a3), "r"(b1));
    }
  }
  for (int i = 0; i < 4; ++i) {
    const int r = row + 8 * (i / 2), c = col + 2 * (lane % 4) + i % 2;
    if (r < m && c < n) out[int64_t{r} * n + c] = d[i];
  }
}

template <typename T>
__global__ void count_different(const T* a, const T* b, size_t n, unsigned long long* count) {
  unsigned long long mine = 0;
  for (size_t i = blockIdx.x * size_t{blockDim.x} + threadIdx.x; i < n;
       i += size_t{gridDim.x} * blockDim.x)
    mine += a[i] != b[i];
  if (mine) atomicAdd(count, mine);
}
unsigned long long different(const void* a, const void* b, size_t bytes) {
  static Buffer<unsigned long long> count(1);
  OK(cudaMemset(count.p, 0, 8));
  count_different<<<1024, 256>>>(static_cast<const uint16_t*>(a), static_cast<const uint16_t*>(b),
                                 bytes / 2, count.p);
  unsigned long long n = 0;
  OK(cudaMemcpy(&n, count.p, 8, cudaMemcpyDefault));
  return n;
}

void positive(Buffer<float>& b, float scale, uint64_t seed) {
  std::mt19937 random(seed);
  std::vector<float> v(b.n);
  for (float& x : v) x = scale * (0.25f + (random() % 1000) / 1000.f);
  OK(cudaMemcpy(b.p, v.data(), b.n * 4, cudaMemcpyDefault));
}

// f8: against f64 of the stored numbers and scales; the units sum in fewer bits than f32.
void checks_f8() {
  int good = 0, all = 0;
  uint64_t seed = 1000;
  double worst_rel = 0;
  for (int64_t m : {1, 130, 300, 4224})
    for (const auto& [n, k, act, gated, f8_out] :
         {std::tuple<int64_t, int64_t, Activation, bool, bool>{1024, 1024, Activation::kGelu, false,
                                                               false},
          {384, 4096, Activation::kNone, false, false},
          {1792, 512, Activation::kSilu, true, false},
          {1536, 384, Activation::kGelu, false, true}})
      for (const GemmTile& t : gemm_tiles()) {
        if (t.cols > 128 || (f8_out && t.cols != 128)) continue;
        const int64_t cols = gated ? n / 2 : n;
        Buffer<__nv_fp8_e4m3> x(m * k), w(n * k);
        Buffer<float> xs(m * (k / 128)), ws(n), bias(n), os(m * (n / 128));
        Buffer<char> out(m * cols * 2);
        randomise(x, 40.f, ++seed), randomise(w, 40.f, ++seed), randomise(bias, 0.5f, ++seed);
        positive(xs, 1 / 40.f, ++seed), positive(ws, 1 / 40.f / std::sqrt(float(k)), ++seed);
        OK(cudaMemset(out.p, 0xFF, out.n));
        OK(cudaMemset(os.p, 0xFF, os.n * 4));
        GemmArgs a{x.p,
                   k,
                   w.p,
                   bias.p,
                   nullptr,
                   0,
                   out.p,
                   cols,
                   m,
                   n,
                   k,
                   DType::f8_e4m3,
                   f8_out ? DType::f8_e4m3 : DType::bf16,
                   act,
                   gated,
                   xs.p,
                   ws.p,
                   f8_out ? os.p : nullptr};
        gemm_by(t, a, nullptr);
        OK(cudaDeviceSynchronize());
        std::vector<int> rows;
        for (int64_t r = 0; r < m; r += std::max<int64_t>(1, m / 50)) rows.push_back(r);
        rows.push_back(m - 1);
        Buffer<int> drows(rows.size());
        Buffer<double> want(rows.size() * cols);
        OK(cudaMemcpy(drows.p, rows.data(), rows.size() * 4, cudaMemcpyDefault));
        reference<__nv_fp8_e4m3>
            <<<(want.n + 127) / 128, 128>>>(a, drows.p, static_cast<int>(rows.size()), want.p);
        OK(cudaDeviceSynchronize());
        std::vector<double> wanted(want.n);
        OK(cudaMemcpy(wanted.data(), want.p, want.n * 8, cudaMemcpyDefault));
        std::vector<char> got(out.n);
        std::vector<float> scales(os.n);
        OK(cudaMemcpy(got.data(), out.p, out.n, cudaMemcpyDefault));
        OK(cudaMemcpy(scales.data(), os.p, os.n * 4, cudaMemcpyDefault));
        double num = 0, den = 0;
        int64_t bad = 0;
        for (size_t i = 0; i < rows.size(); ++i)
          for (int64_t j = 0; j < cols; ++j) {
            const size_t at = rows[i] * cols + j;
            const double scale = f8_out ? scales[rows[i] * (n / 128) + j / 128] : 1;
            const double g =
                f8_out
                    ? scale * double(float(reinterpret_cast<const __nv_fp8_e4m3*>(got.data())[at]))
                    : double(float(reinterpret_cast<const __nv_bfloat16*>(got.data())[at]));
            const double ref = wanted[i * cols + j];
            num += (g - ref) * (g - ref), den += ref * ref;
            const double step = f8_out ? std::abs(ref) / 15 + scale * 2e-3 : std::abs(ref) * 4e-3;
            if (!(std::abs(g - ref) <= step + 3e-3) && bad++ < 3)
              std::printf("  first bad f8 %dx%d row %d col %ld got %g want %g\n", t.rows, t.cols,
                          rows[i], long(j), g, ref);
          }
        const double rel = std::sqrt(num / den);
        if (!f8_out) worst_rel = std::max(worst_rel, rel);
        if (bad || !(rel < (f8_out ? 4e-2 : 4e-3)))
          std::printf("BAD f8 %dx%d m %ld n %ld k %ld %s rel %.2e bad %ld\n", t.rows, t.cols,
                      long(m), long(n), long(k), f8_out ? "to f8" : "", rel, long(bad));
        else
          ++good;
        ++all;
      }
  std::printf("check f8: %d of %d products right, worst relative norm to bf16 %.2e\n", good, all,
              worst_rel);
}

void bits() {
  // f32 sums of every tile and of mma.sync against the first tile's
  for (const auto& [m, n, k] :
       {std::array<int, 3>{512, 1024, 1024}, {256, 512, 19000}, {128, 256, 3584}}) {
    Buffer<__nv_bfloat16> x(size_t(m) * k), w(size_t(n) * k);
    Buffer<float> a(size_t(m) * n), b(size_t(m) * n);
    randomise(x, 1.f, 7), randomise(w, 1.f, 8);
    GemmArgs args{x.p, k, w.p,         nullptr,    nullptr,           0,    a.p, n, m,
                  n,   k, DType::bf16, DType::f32, Activation::kNone, false};
    gemm_by(gemm_tiles()[0], args, nullptr);
    args.out = b.p;
    std::printf("bits of f32 sums against %s, %dx%dx%d:", tile_name(gemm_tiles()[0]).c_str(), m, n,
                k);
    for (const GemmTile& t : gemm_tiles()) {
      OK(cudaMemset(b.p, 0xFF, b.n * 4));
      gemm_by(t, args, nullptr);
      std::printf(" %s %llu", tile_name(t).c_str(), different(a.p, b.p, a.n * 4));
    }
    for (int64_t few : {1, 8}) {
      OK(cudaMemset(b.p, 0xFF, b.n * 4));
      GemmArgs rows = args;
      rows.m = few;
      gemm_few(rows, nullptr);
      if (k % 64 == 0) std::printf(" few %d %llu", int(few), different(a.p, b.p, few * n * 4));
    }
    for (bool wide : {false, true}) {
      OK(cudaMemset(b.p, 0xFF, b.n * 4));
      gemm_mma_by(wide, args, nullptr);
      std::printf(" mma %s %llu", wide ? "wide" : "narrow", different(a.p, b.p, a.n * 4));
    }
    for (int step : {16, 8}) {
      OK(cudaMemset(b.p, 0xFF, b.n * 4));
      by_mma<<<dim3(n / 8, m / 16), 32>>>(x.p, w.p, b.p, m, n, k, step);
      OK(cudaDeviceSynchronize());
      std::printf(" mma.k%d %llu", step, different(a.p, b.p, a.n * 4));
    }
    std::printf(" of %d\n", 2 * m * n);
  }
  // rows of a large product against the same rows alone, every tile
  std::mt19937 random(5);
  unsigned long long wrong = 0, compared = 0;
  struct Shape {
    int n, k;
    Activation act;
    bool gated, residual;
  };
  for (const Shape& s : {Shape{1024, 1024, Activation::kGelu, false, false},
                         {384, 1536, Activation::kNone, false, true},
                         {17920, 1536, Activation::kSilu, true, false},
                         {3584, 3584, Activation::kNone, false, true}}) {
    const int all = 8448, cols = s.gated ? s.n / 2 : s.n;
    Buffer<__nv_bfloat16> x(size_t(all) * s.k), w(size_t(s.n) * s.k), res(size_t(all) * cols),
        whole(size_t(all) * cols), part(size_t(all) * cols);
    Buffer<float> bias(s.n);
    randomise(x, 1.f, 17), randomise(w, 0.03f, 18), randomise(bias, 1.f, 19),
        randomise(res, 1.f, 20);
    const auto run = [&](const GemmTile* t, int row, int m, __nv_bfloat16* out) {
      GemmArgs a{x.p + size_t(row) * s.k,
                 s.k,
                 w.p,
                 bias.p,
                 s.residual ? res.p + size_t(row) * cols : nullptr,
                 cols,
                 out,
                 cols,
                 m,
                 s.n,
                 s.k,
                 DType::bf16,
                 DType::bf16,
                 s.act,
                 s.gated};
      t ? gemm_by(*t, a, nullptr) : gemm(a, nullptr);
    };
    run(&gemm_tiles()[0], 0, all, whole.p);
    for (int m : {1, 2, 7, 15, 64, 128, 129, 4224, 8448}) {
      for (size_t t = 0; t <= gemm_tiles().size(); ++t) {
        const int row = m == all ? 0 : static_cast<int>(random() % (all - m));
        OK(cudaMemset(part.p, 0xFF, part.n * 2));
        run(t == gemm_tiles().size() ? nullptr : &gemm_tiles()[t], row, m, part.p);
        const auto d = different(whole.p + size_t(row) * cols, part.p, size_t(m) * cols * 2);
        if (d)
          std::printf("  DIFFER n %d k %d m %d row %d tile %zu: %llu\n", s.n, s.k, m, row, t, d);
        wrong += d, compared += size_t(m) * cols;
      }
    }
  }
  std::printf("bits: %llu of %llu outputs differ between m in 1..8448, offsets and tiles\n", wrong,
              compared);
}

// ---------------------------------------------------------------------------------------- speed

// Microseconds a launch: many launches in one graph, without the gaps of the host; the median of
// five replays.
using Queued = std::function<void(int, cudaStream_t)>;
float median_us(const Queued& run, int launches) {
  static cudaStream_t queue = [] {
    cudaStream_t q;
    OK(cudaStreamCreate(&q));
    return q;
  }();
  // the card lowers its clocks under load for a while: every figure starts from the same rest
  std::this_thread::sleep_for(std::chrono::milliseconds(8));
  for (int i = 0; i < 2; ++i) run(i, queue);
  OK(cudaStreamSynchronize(queue));
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  OK(cudaStreamBeginCapture(queue, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < launches; ++i) run(i, queue);
  OK(cudaStreamEndCapture(queue, &graph));
  OK(cudaGraphInstantiate(&exec, graph, 0));
  std::vector<float> t;
  cudaEvent_t a, b;
  OK(cudaEventCreate(&a));
  OK(cudaEventCreate(&b));
  for (int i = 0; i < 6; ++i) {
    OK(cudaEventRecord(a, queue));
    OK(cudaGraphLaunch(exec, queue));
    OK(cudaEventRecord(b, queue));
    OK(cudaStreamSynchronize(queue));
    float ms = 0;
    OK(cudaEventElapsedTime(&ms, a, b));
    if (i) t.push_back(ms);
  }
  OK(cudaGraphExecDestroy(exec));
  OK(cudaGraphDestroy(graph));
  OK(cudaEventDestroy(a));
  OK(cudaEventDestroy(b));
  std::sort(t.begin(), t.end());
  return t[t.size() / 2] * 1000 / launches;
}

template <typename F>
F symbol(void* lib, const char* name) {
  return reinterpret_cast<F>(dlsym(lib, name));
}

// cuBLASLt's first choice, workspace 32 MiB, bias in its epilogue.
struct Lt {
  void* lib = dlopen("libcublasLt.so.13", RTLD_NOW);
  cublasLtHandle_t handle = nullptr;
  Buffer<char> workspace{32 << 20};
#define LT(name) decltype(&name) name##_ = lib ? symbol<decltype(&name)>(lib, #name) : nullptr
  LT(cublasLtCreate);
  LT(cublasLtMatmul);
  LT(cublasLtMatmulDescCreate);
  LT(cublasLtMatmulDescSetAttribute);
  LT(cublasLtMatrixLayoutCreate);
  LT(cublasLtMatmulPreferenceCreate);
  LT(cublasLtMatmulPreferenceSetAttribute);
  LT(cublasLtMatmulAlgoGetHeuristic);
  Lt() {
    if (lib) cublasLtCreate_(&handle);
  }
  // the median of the best of the first four algorithms
  float time(int64_t m, int64_t n, int64_t k, const std::vector<void*>& x,
             const std::vector<void*>& w, void* out, const float* bias, bool gelu, int repeats) {
    if (!lib) return 0;
    cublasLtMatmulDesc_t desc;
    cublasLtMatmulDescCreate_(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    const cublasOperation_t t = CUBLAS_OP_T;
    cublasLtMatmulDescSetAttribute_(desc, CUBLASLT_MATMUL_DESC_TRANSA, &t, sizeof t);
    cublasLtEpilogue_t ep = gelu ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_BIAS;
    if (bias) {
      cublasLtMatmulDescSetAttribute_(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &ep, sizeof ep);
      cublasLtMatmulDescSetAttribute_(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias);
      const cudaDataType type = CUDA_R_16BF;
      cublasLtMatmulDescSetAttribute_(desc, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, &type,
                                      sizeof type);
    }
    cublasLtMatrixLayout_t la, lb, lc;
    cublasLtMatrixLayoutCreate_(&la, CUDA_R_16BF, k, n, k);
    cublasLtMatrixLayoutCreate_(&lb, CUDA_R_16BF, k, m, k);
    cublasLtMatrixLayoutCreate_(&lc, CUDA_R_16BF, n, m, n);
    cublasLtMatmulPreference_t pref;
    cublasLtMatmulPreferenceCreate_(&pref);
    const size_t ws = workspace.n;
    cublasLtMatmulPreferenceSetAttribute_(pref, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &ws,
                                          sizeof ws);
    cublasLtMatmulHeuristicResult_t results[4];
    int found = 0;
    cublasLtMatmulAlgoGetHeuristic_(handle, desc, la, lb, lc, lc, pref, 4, results, &found);
    const float one = 1, zero = 0;
    float best = 0;
    for (int i = 0; i < found; ++i) {
      const float us = median_us(
          [&](int r, cudaStream_t queue) {
            cublasLtMatmul_(handle, desc, &one, w[r % w.size()], la, x[r % x.size()], lb, &zero,
                            out, lc, out, lc, &results[i].algo, workspace.p, ws, queue);
          },
          repeats);
      if (!best || us < best) best = us;
    }
    return best;
  }
};

void speed(bool tiles, bool small) {
  Lt lt;
  std::printf("cuBLASLt %s\n", lt.lib ? "loaded" : "absent");
  {
    const int s = 8192;
    Buffer<__nv_bfloat16> x(size_t(s) * s), w(size_t(s) * s), out(size_t(s) * s);
    Buffer<float> bias(s);
    randomise(x, 1.f, 1), randomise(w, 1.f, 2), randomise(bias, 1.f, 3);
    GemmArgs a{x.p, s, w.p, nullptr, nullptr, 0, out.p, s, s, s, s, DType::bf16, DType::bf16};
    const float before = median_us([&](int, cudaStream_t q) { gemm(a, q); }, 6);
    const float us = lt.time(s, s, s, {x.p}, {w.p}, out.p, nullptr, false, 6);
    const float ours = median_us([&](int, cudaStream_t q) { gemm(a, q); }, 6);
    std::printf("8192^3: ours %.0f, cuBLASLt %.0f, ours again %.0f TFLOP/s\n", 1.0995e6 / before,
                us ? 1.0995e6 / us : 0, 1.0995e6 / ours);
    const float copy = median_us(
        [&](int, cudaStream_t q) {
          OK(cudaMemcpyAsync(out.p, x.p, out.n * 2, cudaMemcpyDeviceToDevice, q));
        },
        10);
    std::printf("device copy %.2f TB/s read + write\n", 2.0 * out.n * 2 / copy / 1e6);
  }
  std::vector<int64_t> rows{4224, 8448, 16896, 5000};
  if (const char* only = std::getenv("GEMM_ROWS")) rows = {std::atol(only)};
  std::vector<Case> cases;
  const Activation none = Activation::kNone, ge = Activation::kGelu, si = Activation::kSilu;
  if (!small)
    for (int64_t m : rows) {
      cases.insert(cases.end(), {{m, 3072, 1024, none},
                                 {m, 1024, 1024, none, false, true},
                                 {m, 4096, 1024, ge},
                                 {m, 1024, 4096, none, false, true}});
      cases.insert(
          cases.end(),
          {{m, 2304, 768, none}, {m, 768, 768, none}, {m, 3072, 768, ge}, {m, 768, 3072, none}});
      cases.insert(
          cases.end(),
          {{m, 1152, 384, none}, {m, 384, 384, none}, {m, 1536, 384, ge}, {m, 384, 1536, none}});
      cases.insert(
          cases.end(),
          {{m, 1536, 512, none}, {m, 512, 512, none}, {m, 2048, 512, ge}, {m, 512, 2048, none}});
      if (m == 5000 || m == 16896) continue;
      cases.insert(cases.end(), {{m, 2048, 1536, none},
                                 {m, 1536, 1536, none},
                                 {m, 17920, 1536, si, true},
                                 {m, 1536, 8960, none, false, true}});
      cases.insert(cases.end(), {{m, 4608, 3584, none},
                                 {m, 3584, 3584, none},
                                 {m, 37888, 3584, si, true},
                                 {m, 3584, 18944, none, false, true}});
    }
  else
    for (int64_t m : {1, 8, 16, 64, 256})
      cases.insert(cases.end(), {{m, 2048, 1536, none},
                                 {m, 1536, 1536, none},
                                 {m, 17920, 1536, si, true},
                                 {m, 1536, 8960, none, false, true},
                                 {m, 4608, 3584, none},
                                 {m, 3584, 3584, none},
                                 {m, 37888, 3584, si, true},
                                 {m, 3584, 18944, none, false, true},
                                 {m, 1024, 4096, none}});
  for (const Case& c : cases) {
    const int64_t cols = c.gated ? c.n / 2 : c.n;
    const double flop = 2.0 * c.m * c.n * c.k, bytes = 2.0 * (c.m * c.k + c.n * c.k + c.m * cols);
    // small: rotate the weights past the L2
    const int copies = small ? static_cast<int>(std::min(32.0, 1 + 2e8 / (2.0 * c.n * c.k))) : 2;
    std::vector<std::unique_ptr<Buffer<__nv_bfloat16>>> xs, ws;
    std::vector<void*> xp, wp;
    for (int i = 0; i < copies; ++i) {
      xs.push_back(std::make_unique<Buffer<__nv_bfloat16>>(c.m * c.k));
      ws.push_back(std::make_unique<Buffer<__nv_bfloat16>>(c.n * c.k));
      randomise(*xs.back(), 1.f, 1 + i), randomise(*ws.back(), 0.03f, 99 + i);
      xp.push_back(xs.back()->p), wp.push_back(ws.back()->p);
    }
    Buffer<__nv_bfloat16> out(c.m * c.n), res(c.m * c.n);
    Buffer<float> bias(c.n);
    randomise(bias, 1.f, 3), randomise(res, 1.f, 4);
    const int repeats = flop > 1e12 ? 3 : small ? 32 : 16;
    const auto args = [&](int i) {
      return GemmArgs{xp[i % copies],
                      c.k,
                      wp[i % copies],
                      bias.p,
                      c.residual ? res.p : nullptr,
                      cols,
                      out.p,
                      cols,
                      c.m,
                      c.n,
                      c.k,
                      DType::bf16,
                      DType::bf16,
                      c.activation,
                      c.gated};
    };
    float ours = median_us([&](int i, cudaStream_t q) { gemm(args(i), q); }, repeats);
    const float theirs = lt.time(c.m, c.n, c.k, xp, wp, out.p, bias.p, false, repeats);
    ours = std::min(ours, median_us([&](int i, cudaStream_t q) { gemm(args(i), q); }, repeats));
    const float gelu_us =
        c.activation == ge ? lt.time(c.m, c.n, c.k, xp, wp, out.p, bias.p, true, repeats) : 0;
    if (small)
      std::printf("%3ld %5ld %5ld%s: ours %6.1f us %.2f TB/s, Lt %6.1f us %.2f TB/s |", long(c.m),
                  long(c.n), long(c.k), c.gated ? "g" : " ", ours, bytes / ours / 1e6, theirs,
                  theirs ? bytes / theirs / 1e6 : 0);
    else
      std::printf(
          "%5ld %5ld %5ld %s%s%s: ours %6.1f us %3.0f TF, Lt bias %6.1f us %3.0f TF (%.2fx)",
          long(c.m), long(c.n), long(c.k), act_name(c.activation), c.gated ? " gated" : "",
          c.residual ? " res" : "", ours, flop / ours / 1e6, theirs,
          theirs ? flop / theirs / 1e6 : 0, theirs / ours);
    if (gelu_us) std::printf(", tanh-gelu %3.0f TF", flop / gelu_us / 1e6);
    if (tiles || small)
      for (const GemmTile& t : gemm_tiles()) {
        if (!small && t.cols < 64) continue;
        if (small && t.rows > 64 && c.m <= 64) continue;
        const float us = median_us([&](int i, cudaStream_t q) { gemm_by(t, args(i), q); }, repeats);
        std::printf(small ? " %s %.1f" : " %s %.0f", tile_name(t).c_str(),
                    small ? us : flop / us / 1e6);
      }
    std::printf("\n");
  }
}

// f8 products beside the same in bf16, every tile that has them.
void speed_f8() {
  std::vector<int64_t> rows{4224, 16896};
  if (const char* only = std::getenv("GEMM_ROWS")) rows = {std::atol(only)};
  const Activation none = Activation::kNone, ge = Activation::kGelu;
  for (int64_t m : rows)
    for (const auto& [n, k, act, f8_out] :
         {std::tuple<int64_t, int64_t, Activation, bool>{3072, 1024, none, false},
          {1024, 1024, none, false},
          {4096, 1024, ge, true},
          {1024, 4096, none, false},
          {2304, 768, none, false},
          {3072, 768, ge, true},
          {768, 3072, none, false},
          {1536, 384, ge, true},
          {384, 1536, none, false},
          {8192, 8192, none, false}}) {
      Buffer<__nv_fp8_e4m3> x(m * k), w(n * k);
      Buffer<float> xs(m * (k / 128)), ws(n), bias(n), os(m * (n / 128));
      Buffer<__nv_bfloat16> out(m * n), x16(m * k), w16(n * k);
      randomise(x, 40.f, 1), randomise(w, 40.f, 2), randomise(bias, 0.5f, 3),
          randomise(x16, 1.f, 4), randomise(w16, 0.03f, 5);
      positive(xs, 1 / 40.f, 6), positive(ws, 1 / 40.f / std::sqrt(float(k)), 7);
      GemmArgs a{x.p,
                 k,
                 w.p,
                 bias.p,
                 nullptr,
                 0,
                 out.p,
                 n,
                 m,
                 n,
                 k,
                 DType::f8_e4m3,
                 f8_out ? DType::f8_e4m3 : DType::bf16,
                 act,
                 false,
                 xs.p,
                 ws.p,
                 f8_out ? os.p : nullptr};
      const GemmArgs b{x16.p, k, w16.p, bias.p, nullptr,     0,           out.p,
                       n,     m, n,     k,      DType::bf16, DType::bf16, act};
      const double flop = 2.0 * m * n * k;
      const int launches = flop > 1e12 ? 3 : 16;
      const float us = median_us([&](int, cudaStream_t q) { gemm(a, q); }, launches);
      const float us16 = median_us([&](int, cudaStream_t q) { gemm(b, q); }, launches);
      std::printf("f8 %5ld %5ld %5ld %s%s: %6.1f us %4.0f TF, bf16 %6.1f us %3.0f TF, %.2fx |",
                  long(m), long(n), long(k), act_name(act), f8_out ? " to f8" : "", us,
                  flop / us / 1e6, us16, flop / us16 / 1e6, us16 / us);
      for (const GemmTile& t : gemm_tiles()) {
        if (t.cols < 64) continue;
        try {
          const float u = median_us([&](int, cudaStream_t q) { gemm_by(t, a, q); }, launches);
          std::printf(" %s %.0f", tile_name(t).c_str(), flop / u / 1e6);
        } catch (const Error&) {
        }
      }
      std::printf("\n");
    }
}

}  // namespace

int main(int argc, char** argv) {
  cudaDeviceProp prop;
  OK(cudaGetDeviceProperties(&prop, 0));
  std::setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
  std::printf("%s, %d multiprocessors\n", prop.name, prop.multiProcessorCount);
  for (int i = 1; i < argc; ++i) {
    const std::string what = argv[i];
    try {
      if (what == "check") checks();
      if (what == "check8") checks_f8();
      if (what == "bits") bits();
      if (what == "speed") speed(false, false);
      if (what == "tiles") speed(true, false);
      if (what == "speed8") speed_f8();
      if (what == "small") speed(false, true);
    } catch (const std::exception& e) {
      std::printf("THROWN in %s: %s\n", what.c_str(), e.what());
    }
    std::fflush(stdout);
  }
}
