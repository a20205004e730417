// Sixteen floats as one value, in whatever the instruction set has: one zmm, two ymm, or a plain
// array.
//
// The kernels are written once against this type and compiled once for each instruction set, each
// in a namespace of its own. Every operation rounds as IEEE 754 says, fused where it says fma, and
// lane sums are added in one fixed order, so the same kernel gives the same bits on every
// instruction set. Include only from a file that defines WINNOW_ISA.
#pragma once

#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace winnow::cpu::WINNOW_ISA {

constexpr int kLanes = 16;

#if defined(__AVX2__)
template <typename Fold>
inline float fold_four(__m128 a, Fold fold) {
  a = fold(a, _mm_movehl_ps(a, a));
  return _mm_cvtss_f32(fold(a, _mm_movehdup_ps(a)));
}
#endif

#if defined(__AVX512F__)

struct F32x16 {
  __m512 v;
};
inline __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1u << n) - 1); }
inline F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline F32x16 load(const float* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
inline void store(float* p, F32x16 a) { _mm512_storeu_ps(p, a.v); }
inline void store(float* p, F32x16 a, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }
inline F32x16 splat(float x) { return {_mm512_set1_ps(x)}; }
inline F32x16 zero() { return {_mm512_setzero_ps()}; }
inline F32x16 add(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
inline F32x16 sub(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline F32x16 mul(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline F32x16 div(F32x16 a, F32x16 b) { return {_mm512_div_ps(a.v, b.v)}; }
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline F32x16 fnma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
inline F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
inline F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }
inline F32x16 abs(F32x16 a) { return {_mm512_abs_ps(a.v)}; }
inline F32x16 round(F32x16 a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
// a * 2^n, where the low bits of t hold n (see exp2).
inline F32x16 scale_by_power(F32x16 a, F32x16 t) {
  const __m512i bits = _mm512_slli_epi32(_mm512_castps_si512(t.v), 23);
  return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a.v), bits))};
}
// Sums (or maxima, minima) of the lanes in the one order that fold_lanes states.
template <typename Fold256, typename Fold128>
inline float fold_lanes(F32x16 a, Fold256 fold, Fold128 fold128) {
  const __m256 eight = fold(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  return fold_four(fold128(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1)),
                   fold128);
}
// Rounds to the nearest even and stores the low byte of each lane; lanes must be within [0, 255].
inline void store_u8(uint8_t* p, F32x16 a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a.v)));
}
// (float)(int32) of sixteen accumulators.
inline F32x16 load_i32(const int32_t* p) { return {_mm512_cvtepi32_ps(_mm512_loadu_si512(p))}; }
// (u8 - zero) as float.
inline F32x16 load_u8(const uint8_t* p, int zero) {
  const __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return {_mm512_cvtepi32_ps(_mm512_sub_epi32(wide, _mm512_set1_epi32(zero)))};
}

#elif defined(__AVX2__)

struct F32x16 {
  __m256 lo, hi;
};
inline __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline F32x16 load(const float* p, int n) {
  return {_mm256_maskload_ps(p, first_lanes(n)), _mm256_maskload_ps(p + 8, first_lanes(n - 8))};
}
inline void store(float* p, F32x16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
inline void store(float* p, F32x16 a, int n) {
  _mm256_maskstore_ps(p, first_lanes(n), a.lo);
  _mm256_maskstore_ps(p + 8, first_lanes(n - 8), a.hi);
}
inline F32x16 splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
inline F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
inline F32x16 add(F32x16 a, F32x16 b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}
inline F32x16 sub(F32x16 a, F32x16 b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}
inline F32x16 mul(F32x16 a, F32x16 b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}
inline F32x16 div(F32x16 a, F32x16 b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
inline F32x16 fnma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi)};
}
inline F32x16 max(F32x16 a, F32x16 b) {
  return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)};
}
inline F32x16 min(F32x16 a, F32x16 b) {
  return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)};
}
inline F32x16 abs(F32x16 a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}
inline F32x16 round(F32x16 a) {
  constexpr int kMode = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  return {_mm256_round_ps(a.lo, kMode), _mm256_round_ps(a.hi, kMode)};
}
inline __m256 scale_by_power(__m256 a, __m256 t) {
  const __m256i bits = _mm256_slli_epi32(_mm256_castps_si256(t), 23);
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), bits));
}
inline F32x16 scale_by_power(F32x16 a, F32x16 t) {
  return {scale_by_power(a.lo, t.lo), scale_by_power(a.hi, t.hi)};
}
template <typename Fold256, typename Fold128>
inline float fold_lanes(F32x16 a, Fold256 fold, Fold128 fold128) {
  const __m256 eight = fold(a.lo, a.hi);
  return fold_four(fold128(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1)),
                   fold128);
}
inline void store_u8(uint8_t* p, F32x16 a) {
  const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi));
  const __m256i order = _mm256_permute4x64_epi64(words, 0xD8);
  const __m128i bytes =
      _mm_packus_epi16(_mm256_castsi256_si128(order), _mm256_extracti128_si256(order, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
}
inline F32x16 load_i32(const int32_t* p) {
  return {_mm256_cvtepi32_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))),
          _mm256_cvtepi32_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 8)))};
}
inline F32x16 load_u8(const uint8_t* p, int zero) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  const __m256i z = _mm256_set1_epi32(zero);
  return {_mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_cvtepu8_epi32(bytes), z)),
          _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)), z))};
}

#else  // plain: any processor, no vector instruction assumed

struct F32x16 {
  float lane[kLanes];
};
template <typename Lane>
inline F32x16 each(Lane lane) {
  F32x16 out;
  for (int i = 0; i < kLanes; ++i) out.lane[i] = lane(i);
  return out;
}
inline F32x16 load(const float* p) {
  return each([&](int i) { return p[i]; });
}
inline F32x16 load(const float* p, int n) {
  return each([&](int i) { return i < n ? p[i] : 0.0f; });
}
inline void store(float* p, F32x16 a) {
  for (int i = 0; i < kLanes; ++i) p[i] = a.lane[i];
}
inline void store(float* p, F32x16 a, int n) {
  for (int i = 0; i < n; ++i) p[i] = a.lane[i];
}
inline F32x16 splat(float x) {
  return each([&](int) { return x; });
}
inline F32x16 zero() { return splat(0.0f); }
inline F32x16 add(F32x16 a, F32x16 b) {
  return each([&](int i) { return a.lane[i] + b.lane[i]; });
}
inline F32x16 sub(F32x16 a, F32x16 b) {
  return each([&](int i) { return a.lane[i] - b.lane[i]; });
}
inline F32x16 mul(F32x16 a, F32x16 b) {
  return each([&](int i) { return a.lane[i] * b.lane[i]; });
}
inline F32x16 div(F32x16 a, F32x16 b) {
  return each([&](int i) { return a.lane[i] / b.lane[i]; });
}
inline F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return each([&](int i) { return __builtin_fmaf(a.lane[i], b.lane[i], c.lane[i]); });
}
inline F32x16 fnma(F32x16 a, F32x16 b, F32x16 c) {
  return each([&](int i) { return __builtin_fmaf(-a.lane[i], b.lane[i], c.lane[i]); });
}
inline F32x16 max(F32x16 a, F32x16 b) {
  return each([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline F32x16 min(F32x16 a, F32x16 b) {
  return each([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
}
inline F32x16 abs(F32x16 a) {
  return each([&](int i) { return __builtin_fabsf(a.lane[i]); });
}
inline F32x16 round(F32x16 a) {
  return each([&](int i) { return __builtin_rintf(a.lane[i]); });
}
inline F32x16 scale_by_power(F32x16 a, F32x16 t) {
  return each([&](int i) {
    uint32_t bits, power;
    __builtin_memcpy(&bits, &a.lane[i], 4);
    __builtin_memcpy(&power, &t.lane[i], 4);
    bits += power << 23;
    float out;
    __builtin_memcpy(&out, &bits, 4);
    return out;
  });
}
inline void store_u8(uint8_t* p, F32x16 a) {
  for (int i = 0; i < kLanes; ++i) p[i] = static_cast<uint8_t>(__builtin_rintf(a.lane[i]));
}
inline F32x16 load_i32(const int32_t* p) {
  return each([&](int i) { return static_cast<float>(p[i]); });
}
inline F32x16 load_u8(const uint8_t* p, int zero) {
  return each([&](int i) { return static_cast<float>(p[i] - zero); });
}

#endif

// The sum (or maximum, minimum) of the lanes, in one order everywhere: lane i with i + 8, then with
// i + 4, i + 2, i + 1.
#if defined(__AVX2__)
inline float sum_lanes(F32x16 a) {
  return fold_lanes(
      a, [](__m256 x, __m256 y) { return _mm256_add_ps(x, y); },
      [](__m128 x, __m128 y) { return _mm_add_ps(x, y); });
}
inline float max_lanes(F32x16 a) {
  return fold_lanes(
      a, [](__m256 x, __m256 y) { return _mm256_max_ps(x, y); },
      [](__m128 x, __m128 y) { return _mm_max_ps(x, y); });
}
inline float min_lanes(F32x16 a) {
  return fold_lanes(
      a, [](__m256 x, __m256 y) { return _mm256_min_ps(x, y); },
      [](__m128 x, __m128 y) { return _mm_min_ps(x, y); });
}
#else
template <typename Fold>
inline float fold_lanes(F32x16 a, Fold fold) {
  for (int half = kLanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; ++i) a.lane[i] = fold(a.lane[i], a.lane[i + half]);
  return a.lane[0];
}
inline float sum_lanes(F32x16 a) {
  return fold_lanes(a, [](float x, float y) { return x + y; });
}
inline float max_lanes(F32x16 a) {
  return fold_lanes(a, [](float x, float y) { return x > y ? x : y; });
}
inline float min_lanes(F32x16 a) {
  return fold_lanes(a, [](float x, float y) { return x < y ? x : y; });
}
#endif

// 2^x for x <= 1, relative error below 8e-8 before rounding; x below -126 counts as -126.
// Adding 1.5 * 2^23 rounds x to the integer n in the sum's low bits; the polynomial is a minimax
// fit of 2^r on [-1/2, 1/2] (tools/fit_polynomials.py).
inline F32x16 exp2(F32x16 x) {
  x = max(x, splat(-126.0f));
  const F32x16 magic = splat(12582912.0f);
  const F32x16 t = add(x, magic);
  const F32x16 r = sub(x, sub(t, magic));
  F32x16 p = splat(0.0013276408135674338f);
  p = fma(p, r, splat(0.0096755406852822804f));
  p = fma(p, r, splat(0.055507134360760081f));
  p = fma(p, r, splat(0.24022119748382564f));
  p = fma(p, r, splat(0.69314696699556544f));
  p = fma(p, r, splat(1.0f));
  return scale_by_power(p, t);
}

// GELU by the error function, x * Phi(x), absolute error below 1e-7: max(x, 0) - |x| * Phi(-|x|),
// where Phi(-t) = 2^q(t) and q is a minimax fit of log2 Phi(-t) on [0, 7], weighted by t * Phi(-t)
// (tools/fit_polynomials.py). Beyond 7 the second term is below 2e-11 * |x|. Source: Hendrycks &
// Gimpel 2016, eq. 1 (the exact form, not the tanh one).
inline F32x16 gelu(F32x16 x) {
  const F32x16 size = abs(x);
  const F32x16 t = min(size, splat(7.0f));
  F32x16 q = splat(3.3092802241441295e-05f);
  q = fma(q, t, splat(-0.00076921957969542797f));
  q = fma(q, t, splat(0.0080807160922604909f));
  q = fma(q, t, splat(-0.053412103401005794f));
  q = fma(q, t, splat(-0.45877097407248113f));
  q = fma(q, t, splat(-1.151201701714718f));
  q = fma(q, t, splat(-0.99999306105455865f));
  return fnma(size, exp2(q), max(x, zero()));
}

// x * sigmoid(x), relative error below 1e-6: with e = exp(-|x|), sigmoid(x) is 1 / (1 + e) for x >=
// 0 and e / (1 + e) below.
inline F32x16 silu(F32x16 x) {
  const F32x16 e = exp2(mul(abs(x), splat(-1.44269504088896340736f)));
  return div(fma(min(x, zero()), e, max(x, zero())), add(splat(1.0f), e));
}

// GELU by tanh. With u = sqrt(2 / pi) (x + 0.044715 x^3), (1 + tanh u) / 2 = 1 / (1 + e^-2u), so it
// is max(x, 0) - |x| * s / (1 + s) with s = e^-2|u|, which neither overflows nor cancels. Source:
// Hendrycks & Gimpel 2016, section 2.
inline F32x16 gelu_tanh(F32x16 x) {
  const F32x16 size = abs(x);
  const F32x16 t = min(size, splat(10.0f));  // beyond, s < 1e-30
  // 2 sqrt(2 / pi) log2 e = 2.3022081986, and that times 0.044715.
  const F32x16 cubic = fma(mul(t, t), splat(-0.10294324f), splat(-2.3022082f));
  const F32x16 s = exp2(mul(t, cubic));
  return fnma(size, div(s, add(splat(1.0f), s)), max(x, zero()));
}

}  // namespace winnow::cpu::WINNOW_ISA
