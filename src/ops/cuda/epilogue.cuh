// What follows a product's sums, in registers: shared by the products of every GPU generation,
// whose matrix units leave their sums in one layout. Of each 8 columns a lane holds four values:
// v[4 j + 2 h + e] is row l / 4 + 8 h, column 8 j + 2 (l % 4) + e of the warp's 16 rows. Sums that
// could follow a product are __fadd_rn: fused in one kernel and not in another, they would differ.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <cstdint>
#include <type_traits>

#include "ops/cuda/gemm.h"

namespace winnow::cuda {

__device__ __forceinline__ float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
__device__ __forceinline__ float max_or_nan(float x, float y) {
  float z;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(z) : "f"(x), "f"(y));
  return z;
}

// x Phi(x) = max(x, 0) - |x| Phi(-|x|), and log2 of Phi(-t) is smooth: a polynomial of degree 6 on
// [0, 5.5] puts the product within 1e-7 of the exact value everywhere, which is what erff in
// x / 2 (1 + erff(x / sqrt(2))) reaches, in a third of its instructions and without a branch.
__device__ __forceinline__ float gelu(float x) {
  const float t = fminf(fabsf(x), 5.5f);
  float p = 3.42372484266014e-05f;
  p = fmaf(p, t, -7.76484957896173e-04f);
  p = fmaf(p, t, 8.095650933682919e-03f);
  p = fmaf(p, t, -5.342087894678116e-02f);
  p = fmaf(p, t, -4.587763547897339e-01f);
  p = fmaf(p, t, -1.1511950492858887f);
  p = fmaf(p, t, -9.999945163726807e-01f);
  return fmaf(-t, exp2_fast(p), max_or_nan(x, 0.f));
}
// x / (1 + e^-y)
__device__ __forceinline__ float times_sigmoid(float x, float y) {
  return __fdividef(x, 1.f + exp2_fast(-1.4426950408889634f * y));
}
__device__ __forceinline__ float silu(float x) { return times_sigmoid(x, x); }
__device__ __forceinline__ float gelu_tanh(float x) {  // 1 + tanh(u) = 2 / (1 + e^-2u)
  const float u = 0.7978845608028654f * fmaf(0.044715f * x * x, x, x);
  return times_sigmoid(x, 2.f * u);
}

// Every kStep-th of kCount values.
template <int kCount, int kStep>
__device__ __forceinline__ void activate(Activation activation, float* v) {
  switch (activation) {
    case Activation::kNone:
      break;
    case Activation::kGelu:
#pragma unroll
      for (int i = 0; i < kCount; i += kStep) v[i] = gelu(v[i]);
      break;
    case Activation::kSilu:
#pragma unroll
      for (int i = 0; i < kCount; i += kStep) v[i] = silu(v[i]);
      break;
    case Activation::kGeluTanh:
#pragma unroll
      for (int i = 0; i < kCount; i += kStep) v[i] = gelu_tanh(v[i]);
      break;
    case Activation::kRelu:
#pragma unroll
      for (int i = 0; i < kCount; i += kStep) v[i] = max_or_nan(v[i], 0.f);
      break;
  }
}

template <typename T>
__device__ __forceinline__ uint32_t pack(float low, float high) {
  if constexpr (std::is_same_v<T, __half>) {
    const __half2 pair = __floats2half2_rn(low, high);
    return reinterpret_cast<const uint32_t&>(pair);
  } else {
    const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
    return reinterpret_cast<const uint32_t&>(pair);
  }
}
template <typename T>
__device__ __forceinline__ float2 unpack(uint32_t pair) {
  if constexpr (std::is_same_v<T, __half>)
    return __half22float2(reinterpret_cast<const __half2&>(pair));
  else
    return make_float2(__uint_as_float(pair << 16), __uint_as_float(pair & 0xFFFF0000u));
}

// Of 16 columns gate, up, gate, up ... each lane of a quad holds columns q and q + 4 of the 8 gated
// ones, packed; afterwards 2 q and 2 q + 1, as if they had never been interleaved.
__device__ __forceinline__ uint32_t pair_up(uint32_t packed, int lane) {
  const int from = (lane & ~3) + 2 * (lane & 1);
  const uint32_t even = __shfl_sync(0xFFFFFFFF, packed, from);
  const uint32_t odd = __shfl_sync(0xFFFFFFFF, packed, from + 1);
  return __byte_perm(even, odd, lane & 2 ? 0x7632 : 0x5410);
}

struct Epilogue {
  const float* bias;
  const void* residual;
  int64_t residual_stride;
  void* out;
  int64_t out_stride;
  int m, n;
  Activation activation;
  bool gated, out_f32;
  const float *x_scales, *w_scales;
  float* out_scales;
  int k;
};
inline Epilogue epilogue_of(const GemmArgs& a) {
  return {a.bias,
          a.residual,
          a.residual_stride,
          a.out,
          a.out_stride,
          static_cast<int>(a.m),
          static_cast<int>(a.n),
          a.activation,
          a.gated,
          a.out_type == DType::f32,
          a.x_scales,
          a.w_scales,
          a.out_scales,
          static_cast<int>(a.k)};
}

// Up to 64 columns of a warp's 16 rows: what is added to them, fetched ahead of use.
template <int kCols>
struct Addends {
  float2 bias[kCols / 8];
  uint32_t residual[kCols / 4];

  // row, col: of the lane's first value
  __device__ __forceinline__ void fetch(const Epilogue& e, int row, int col) {
    if (e.bias) {
#pragma unroll
      for (int j = 0; j < kCols / 8; ++j)
        bias[j] = col + 8 * j < e.n ? *reinterpret_cast<const float2*>(e.bias + col + 8 * j)
                                    : make_float2(0, 0);
    }
    if (e.residual && !e.out_f32) {
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        const char* from =
            static_cast<const char*>(e.residual) + 2 * ((row + 8 * h) * e.residual_stride + col);
#pragma unroll
        for (int j = 0; j < kCols / 8; ++j)
          residual[2 * j + h] = row + 8 * h < e.m && col + 8 * j < e.n
                                    ? *reinterpret_cast<const uint32_t*>(from + 16 * j)
                                    : 0;
      }
    }
  }
};

template <int kCols>
__device__ __forceinline__ void add_bias(const Epilogue& e, const Addends<kCols>& a, float* v) {
  if (!e.bias) return;
#pragma unroll
  for (int j = 0; j < kCols / 8; ++j) {
    v[4 * j] = __fadd_rn(v[4 * j], a.bias[j].x);
    v[4 * j + 1] = __fadd_rn(v[4 * j + 1], a.bias[j].y);
    v[4 * j + 2] = __fadd_rn(v[4 * j + 2], a.bias[j].x);
    v[4 * j + 3] = __fadd_rn(v[4 * j + 3], a.bias[j].y);
  }
}

// By the scales of w's rows. col: of the lane's first value.
template <int kCols>
__device__ __forceinline__ void scale_columns(const Epilogue& e, int col, float* v) {
#pragma unroll
  for (int j = 0; j < kCols / 8; ++j) {
    const float2 scale = col + 8 * j < e.n
                             ? *reinterpret_cast<const float2*>(e.w_scales + col + 8 * j)
                             : make_float2(0, 0);
    v[4 * j] = __fmul_rn(v[4 * j], scale.x);
    v[4 * j + 1] = __fmul_rn(v[4 * j + 1], scale.y);
    v[4 * j + 2] = __fmul_rn(v[4 * j + 2], scale.x);
    v[4 * j + 3] = __fmul_rn(v[4 * j + 3], scale.y);
  }
}

// 128 columns of a warp's 16 rows as f8 over their largest / 448, which goes to out_scales. packed
// afterwards is what 64 columns of 16 bits are: a lane's words of units of 16 bytes.
__device__ __forceinline__ void quantise_128(const Epilogue& e, const float* v, int row, int col,
                                             int lane, uint32_t (&packed)[16]) {
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    float most = 0;
#pragma unroll
    for (int j = 0; j < 16; ++j)
      most = max_or_nan(most, max_or_nan(fabsf(v[4 * j + 2 * h]), fabsf(v[4 * j + 2 * h + 1])));
    most = max_or_nan(most, __shfl_xor_sync(0xFFFFFFFF, most, 1));
    most = max_or_nan(most, __shfl_xor_sync(0xFFFFFFFF, most, 2));
    const float inverse = most > 0 ? 448.f / most : 0.f;
    if (lane % 4 == 0 && row + 8 * h < e.m && col < e.n)
      e.out_scales[int64_t{row + 8 * h} * (e.n / 128) + col / 128] = most / 448.f;
#pragma unroll
    for (int u = 0; u < 8; ++u) {
      const float* a = v + 8 * u + 2 * h;
      const uint32_t low = __nv_cvt_float2_to_fp8x2(make_float2(a[0] * inverse, a[1] * inverse),
                                                    __NV_SATFINITE, __NV_E4M3);
      const uint32_t high = __nv_cvt_float2_to_fp8x2(make_float2(a[4] * inverse, a[5] * inverse),
                                                     __NV_SATFINITE, __NV_E4M3);
      packed[2 * u + h] = pair_up(low | high << 16, lane);
    }
  }
}

// kCols columns, all steps, straight from registers to out: for f32, for narrow tiles, and for rows
// that the copy engine cannot write. row, col: of the lane's first value.
template <typename T, int kCols>
__device__ __forceinline__ void finish_direct(const Epilogue& e, float* v, int row, int col,
                                              int lane) {
  Addends<kCols> addends;
  addends.fetch(e, row, col);
  add_bias<kCols>(e, addends, v);
  if (e.gated) {
    activate<kCols / 2, 2>(e.activation, v);
#pragma unroll
    for (int i = 0; i < kCols / 2; i += 2) v[i] *= v[i + 1];
  } else {
    activate<kCols / 2, 1>(e.activation, v);
  }
  const int pairs = lane & 3;
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    const int r = row + 8 * h;
    const bool in_rows = r < e.m;
    if (e.out_f32) {
      float* out = static_cast<float*>(e.out) + r * e.out_stride;
      const float* residual = static_cast<const float*>(e.residual) + r * e.residual_stride;
#pragma unroll
      for (int j = 0; j < kCols / 8; ++j) {
        const int c = col + 8 * j;
        if (!in_rows || c >= e.n) continue;
        float *a = v + 4 * j + 2 * h, *b = a + 1;
        if (e.gated) {
          out[c / 2] = *a;
        } else {
          if (e.residual) *a = __fadd_rn(*a, residual[c]), *b = __fadd_rn(*b, residual[c + 1]);
          out[c] = *a;
          out[c + 1] = *b;
        }
      }
    } else if (e.gated) {
#pragma unroll
      for (int j = 0; j + 1 < kCols / 8; j += 2) {
        const uint32_t packed = pair_up(pack<T>(v[4 * j + 2 * h], v[4 * j + 4 + 2 * h]), lane);
        const int c = (col - 2 * pairs + 8 * j) / 2 + 2 * pairs;  // of out
        if (in_rows && c < e.n / 2)
          *reinterpret_cast<uint32_t*>(static_cast<T*>(e.out) + r * e.out_stride + c) = packed;
      }
    } else {
#pragma unroll
      for (int j = 0; j < kCols / 8; ++j) {
        float a = v[4 * j + 2 * h], b = v[4 * j + 2 * h + 1];
        if (e.residual) {
          const float2 pair = unpack<T>(addends.residual[2 * j + h]);
          a = __fadd_rn(a, pair.x), b = __fadd_rn(b, pair.y);
        }
        const int c = col + 8 * j;
        if (in_rows && c < e.n)
          *reinterpret_cast<uint32_t*>(static_cast<T*>(e.out) + r * e.out_stride + c) =
              pack<T>(a, b);
      }
    }
  }
}

}  // namespace winnow::cuda
