// The multiply-add rate from registers: what a product in f32 can reach at most.

// Chains that depend on nothing but themselves, enough to hide a multiply-add's latency and few
// enough to stay in registers. Named, because an array would live in memory.
#if defined(__AVX512F__)
#define WINNOW_FMA_CHAINS(STEP) \
  STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5) STEP(6) STEP(7) STEP(8) STEP(9) STEP(10) STEP(11)
#else
#define WINNOW_FMA_CHAINS(STEP) STEP(0) STEP(1) STEP(2) STEP(3) STEP(4) STEP(5)
#endif

// Runs the chains `steps` times; returns the operations, two a multiply-add. `sink` gets a value
// that depends on all of them.
double fma_steps(int64_t steps, float* sink) {
  const F32x16 m = splat(0.999f), c = splat(1e-3f);
  int chains = 0;
#define WINNOW_FMA_DECLARE(i) F32x16 a##i = splat(static_cast<float>(++chains));
#define WINNOW_FMA_STEP(i) a##i = fma(a##i, m, c);
#define WINNOW_FMA_SUM(i) sum = add(sum, a##i);
  WINNOW_FMA_CHAINS(WINNOW_FMA_DECLARE)
  for (int64_t n = 0; n < steps; ++n) {
    WINNOW_FMA_CHAINS(WINNOW_FMA_STEP)
  }
  F32x16 sum = zero();
  WINNOW_FMA_CHAINS(WINNOW_FMA_SUM)
  float lanes[kLanes];
  store(lanes, sum);
  *sink = lanes[0];
  return 2.0 * kLanes * chains * static_cast<double>(steps);
}

#undef WINNOW_FMA_SUM
#undef WINNOW_FMA_STEP
#undef WINNOW_FMA_DECLARE
#undef WINNOW_FMA_CHAINS
