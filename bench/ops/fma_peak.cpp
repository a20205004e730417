// The processor's own multiply-add rate from registers: what a product can reach at most. Needs
// AVX2 and FMA.
#include "ops/fma_peak.h"

#include <immintrin.h>

// Twelve named accumulators: an array would live in memory.
#define TWELVE(STEP) \
  STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11)

float fma_steps(long steps) {
  const __m256 m = _mm256_set1_ps(0.999f), c = _mm256_set1_ps(1e-3f);
#define DECLARE(i) __m256 a##i = _mm256_set1_ps(static_cast<float>(i));
#define MULTIPLY_ADD(i)               \
  a##i = _mm256_fmadd_ps(a##i, m, c); \
  __asm__ volatile("" : "+x"(a##i));
#define ADD_UP(i) sum = _mm256_add_ps(sum, a##i);
  TWELVE(DECLARE)
  for (long n = 0; n < steps; ++n) {
    TWELVE(MULTIPLY_ADD)
  }
  __m256 sum = _mm256_setzero_ps();
  TWELVE(ADD_UP)
  return _mm256_cvtss_f32(sum);
}
