// What kernels share: activations' types, 16 bytes at a time, the activation functions, and how
// work is laid out over rows.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "base/error.h"
#include "ops/kernels.h"

namespace winnow::cuda {

// Calls body.operator()<T>() with the type that a DType names.
template <typename Body>
void with_type(const char* verb, DType type, Body body) {
  switch (type) {
    case DType::f32:
      return body.template operator()<float>();
    case DType::f16:
      return body.template operator()<__half>();
    case DType::bf16:
      return body.template operator()<__nv_bfloat16>();
    default:
      fail(Code::kUnsupported, verb, ": want f32, f16 or bf16, got ", type);
  }
}

template <typename T>
constexpr int kVec = 16 / static_cast<int>(sizeof(T));  // elements of 16 bytes

// Whether rows at these places and so far apart can be read 16 bytes at a time.
template <typename T>
bool in_vectors(int64_t cols, std::initializer_list<const void*> places,
                std::initializer_list<int64_t> strides = {}) {
  bool all = cols % kVec<T> == 0;
  for (const void* place : places) all = all && reinterpret_cast<uintptr_t>(place) % 16 == 0;
  for (const int64_t stride : strides) all = all && stride % kVec<T> == 0;
  return all;
}

__device__ inline float widen(float x) { return x; }
__device__ inline float widen(__half x) { return __half2float(x); }
__device__ inline float widen(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T>
__device__ inline T narrow(float x) {
  if constexpr (sizeof(T) == 4)
    return x;
  else if constexpr (std::is_same_v<T, __half>)
    return __float2half_rn(x);
  else
    return __float2bfloat16_rn(x);
}

// N elements from p on; above 1: 16 bytes or a multiple, aligned to 16.
template <typename T, int N>
__device__ inline void load(const T* p, float (&out)[N]) {
  if constexpr (N == 1) {
    out[0] = widen(*p);
  } else {
    static_assert(N % kVec<T> == 0);
#pragma unroll
    for (int i = 0; i < N; i += kVec<T>) {
      const uint4 raw = *reinterpret_cast<const uint4*>(p + i);
      const T* values = reinterpret_cast<const T*>(&raw);
#pragma unroll
      for (int j = 0; j < kVec<T>; ++j) out[i + j] = widen(values[j]);
    }
  }
}

template <typename T, int N>
__device__ inline void store(T* p, const float (&in)[N]) {
  if constexpr (N == 1) {
    *p = narrow<T>(in[0]);
  } else {
    static_assert(N % kVec<T> == 0);
#pragma unroll
    for (int i = 0; i < N; i += kVec<T>) {
      uint4 raw;
      T* values = reinterpret_cast<T*>(&raw);
#pragma unroll
      for (int j = 0; j < kVec<T>; ++j) values[j] = narrow<T>(in[i + j]);
      *reinterpret_cast<uint4*>(p + i) = raw;
    }
  }
}

__device__ inline float exp2_of(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// x * Phi(x), absolute error below 2e-7: the CPU's form and polynomial (cpu/simd.h). Fused where it
// says so, that a product's fused activation has the bits of this one alone.
__device__ inline float gelu_of(float x) {
  const float size = fabsf(x), t = fminf(size, 7.0f);
  float q = 3.3092802241441295e-05f;
  q = __fmaf_rn(q, t, -0.00076921957969542797f);
  q = __fmaf_rn(q, t, 0.0080807160922604909f);
  q = __fmaf_rn(q, t, -0.053412103401005794f);
  q = __fmaf_rn(q, t, -0.45877097407248113f);
  q = __fmaf_rn(q, t, -1.151201701714718f);
  q = __fmaf_rn(q, t, -0.99999306105455865f);
  return __fmaf_rn(-size, exp2_of(q), fmaxf(x, 0.0f));
}

// x / (1 + e^-x).
__device__ inline float silu_of(float x) {
  const float e = exp2_of(__fmul_rn(fabsf(x), -1.44269504088896340736f));
  return __fdiv_rn(__fmaf_rn(fminf(x, 0.0f), e, fmaxf(x, 0.0f)), __fadd_rn(1.0f, e));
}

// GELU by tanh: max(x, 0) - |x| * s / (1 + s), s = e^-2|u|, as the CPU's (cpu/simd.h).
__device__ inline float gelu_tanh_of(float x) {
  const float size = fabsf(x), t = fminf(size, 10.0f);
  const float cubic = __fmaf_rn(__fmul_rn(t, t), -0.10294324f, -2.3022082f);
  const float s = exp2_of(__fmul_rn(t, cubic));
  return __fmaf_rn(-size, __fdiv_rn(s, __fadd_rn(1.0f, s)), fmaxf(x, 0.0f));
}

__device__ inline float activate(float x, Activation activation) {
  switch (activation) {
    case Activation::kGelu:
      return gelu_of(x);
    case Activation::kSilu:
      return silu_of(x);
    case Activation::kGeluTanh:
      return gelu_tanh_of(x);
    case Activation::kRelu:
      return fmaxf(x, 0.0f);
    case Activation::kNone:
      break;
  }
  return x;
}

// Work cut into one piece a thread: pieces [rows, units], several short rows a block, a long row
// over several blocks.
constexpr int kRowThreads = 256;

struct RowGrid {
  dim3 grid;
  int rows_a_block;

  RowGrid(int64_t rows, int64_t units)
      : rows_a_block(units >= kRowThreads ? 1 : static_cast<int>(kRowThreads / units)) {
    grid.x = static_cast<unsigned>((rows + rows_a_block - 1) / rows_a_block);
    grid.y = static_cast<unsigned>((units + kRowThreads - 1) / kRowThreads);
  }
};

// A thread's piece; false: it has none.
struct RowPiece {
  int64_t row;
  int unit;

  __device__ bool find(int64_t rows, int units, int rows_a_block) {
    const int thread = static_cast<int>(threadIdx.x);
    if (rows_a_block > 1) {
      row = int64_t{blockIdx.x} * rows_a_block + thread / units;
      unit = thread % units;
      return thread < rows_a_block * units && row < rows;
    }
    row = blockIdx.x;
    unit = static_cast<int>(blockIdx.y) * kRowThreads + thread;
    return unit < units;
  }
};

}  // namespace winnow::cuda
