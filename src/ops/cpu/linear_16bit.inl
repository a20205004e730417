// Products with weights of 16 bits, widened exactly as they are read, so that the sums are those of
// linear_f32 on the same values. Included by isa_body.inl after linear_blocks.inl.

// Sixteen bf16 values: the upper halves of f32. (f16: load_f16.)
#if defined(__AVX512F__)
inline F32x16 load_bf16(const std::byte* p) {
  const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16))};
}
#elif defined(__AVX2__)
inline F32x16 load_bf16(const std::byte* p) {
  const auto widened = [](const std::byte* at) {
    const __m128i halves = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  };
  return {widened(p), widened(p + 16)};
}
#else
inline F32x16 load_bf16(const std::byte* p) {
  uint16_t halves[kLanes];
  __builtin_memcpy(halves, p, sizeof halves);
  return each([&](int i) {
    const uint32_t bits = static_cast<uint32_t>(halves[i]) << 16;
    float out;
    __builtin_memcpy(&out, &bits, 4);
    return out;
  });
}
#endif

// Which 16 bits is part of the type, so that the inner loop does not ask.
template <bool bf16>
struct Linear16BitOf {
  const Linear16Bit& linear;
};

template <int R, int P, bool bf16>
__attribute__((noinline)) void linear_tile(const Linear16BitOf<bf16>& of, const float* x,
                                           int64_t row, int64_t panel) {
  const Linear16Bit& a = of.linear;
  constexpr int kRowBytes = kPanel * 2;
  const auto* w = reinterpret_cast<const std::byte*>(a.panels) + panel * a.k * kRowBytes;
  F32x16 sums[R][P];
  WINNOW_EACH_SUM sums[r][p] = zero();
  for (int64_t i = 0; i < a.k; ++i, w += kRowBytes, x += R) {
    F32x16 wide[P];
    WINNOW_UNROLL for (int p = 0; p < P; ++p) {
      const std::byte* at = w + p * a.k * kRowBytes;
      wide[p] = bf16 ? load_bf16(at) : load_f16(at);
    }
    WINNOW_UNROLL for (int r = 0; r < R; ++r) {
      const F32x16 xr = splat(x[r]);
      WINNOW_UNROLL for (int p = 0; p < P; ++p) sums[r][p] = fma(xr, wide[p], sums[r][p]);
    }
  }
  WINNOW_UNROLL for (int p = 0; p < P; ++p) {
    const F32x16 bias = load(a.bias + (panel + p) * kPanel);
    WINNOW_UNROLL for (int r = 0; r < R; ++r)
        store_columns(a.out, row + r, panel + p, a.n, activate(add(sums[r][p], bias), a.act));
  }
}

template <bool bf16>
void linear_16bit_of(const Linear16Bit& a, int64_t row_begin, int64_t row_end, int64_t panel_begin,
                     int64_t panel_end) {
  const auto lay = [&](int64_t row, int rows, float* tile) {
    transpose_tile(a.x + row * a.x_stride, a.x_stride, rows, a.k, tile);
  };
  linear_range<kRowTile, kPanelTile>(Linear16BitOf<bf16>{a}, a.scratch, a.k, row_begin, row_end,
                                     panel_begin, panel_end, lay);
}

void linear_16bit(const Linear16Bit& a, int64_t row_begin, int64_t row_end, int64_t panel_begin,
                  int64_t panel_end) {
  if (a.bf16)
    linear_16bit_of<true>(a, row_begin, row_end, panel_begin, panel_end);
  else
    linear_16bit_of<false>(a, row_begin, row_end, panel_begin, panel_end);
}
