// Products of rows with block-quantised panels (isa.h: LinearBlocks). Included by isa_body.inl
// after linear.inl.
//
// A group's integers are unpacked once for all rows of a tile. Its dot products are exact in int32
// on every instruction set, so only the float steps that multiply() states need one order.
//
// Long because three instruction sets unpack and multiply each in their own way.

#if defined(__AVX512F__)
constexpr int kRowTileBlocks = 12;
#elif defined(__AVX2__)
constexpr int kRowTileBlocks = 4;
#else
constexpr int kRowTileBlocks = 1;
#endif

// The tile for what is left of the rows: the largest, or the smallest that holds them all, so that
// few rows read the weights once. A tile may hold rows that are not there: zeros, never stored.
inline int block_tile_rows(int64_t left) {
  constexpr int kSizes[] = {1, 2, 3, 4, 6, 8, 12};
  int i = 0;
  while (kSizes[i] < kRowTileBlocks && kSizes[i] < left) ++i;
  return kSizes[i];
}

constexpr int kQuadsOfGroup = kBlockGroup / 4;

// What the kernels must know of a form at compile time; layout_of has the sizes.
template <BlockForm F>
struct Form {
  static constexpr BlockLayout kLayout = layout_of(F);
  static constexpr int kSubgroups = kLayout.subgroups;
  static constexpr int kQuads = kQuadsOfGroup / kSubgroups;
};

// Sixteen weight scales or minimums, stored as f16 or f32.
inline F32x16 load_f32(const std::byte* p) { return load(reinterpret_cast<const float*>(p)); }
#if defined(__AVX512F__)
inline F32x16 load_f16(const std::byte* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
#elif defined(__AVX2__)
inline F32x16 load_f16(const std::byte* p) {
  const auto* halves = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
}
#else
inline float widen(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = half >> 10 & 31, mantissa = half & 0x3FF;
  uint32_t bits = sign | (exponent + 112) << 23 | mantissa << 13;
  if (exponent == 31) bits = sign | 0x7F800000 | mantissa << 13;
  float out;
  __builtin_memcpy(&out, &bits, 4);
  if (exponent != 0) return out;
  const float size = static_cast<float>(mantissa) * 0x1p-24f;
  return sign ? -size : size;
}
inline F32x16 load_f16(const std::byte* p) {
  uint16_t halves[kLanes];
  __builtin_memcpy(halves, p, sizeof halves);
  return each([&](int i) { return widen(halves[i]); });
}
#endif
inline __attribute__((always_inline)) F32x16 load_scale(BlockLayout layout, const std::byte* p,
                                                        int i) {
  return layout.f16 ? load_f16(p + i * 32) : load_f32(p + i * 64);
}

// Sixteen signed bytes of floats that are whole and within [-127, 127].
#if defined(__AVX512F__)
inline void store_s8(int8_t* p, F32x16 a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a.v)));
}
#elif defined(__AVX2__)
inline void store_s8(int8_t* p, F32x16 a) {
  const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi));
  const __m256i order = _mm256_permute4x64_epi64(words, 0xD8);
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(p),
      _mm_packs_epi16(_mm256_castsi256_si128(order), _mm256_extracti128_si256(order, 1)));
}
#else
inline void store_s8(int8_t* p, F32x16 a) {
  for (int i = 0; i < kLanes; ++i) p[i] = static_cast<int8_t>(a.lane[i]);
}
#endif

// One group of a tile's rows: R rows of 32 bytes, then R numbers each of what RowGroup names.
template <int R>
struct TileGroup {
  const int8_t* q;

  const int8_t* row(int r) const { return q + r * kBlockGroup; }
  const float* scale() const { return reinterpret_cast<const float*>(q + R * kBlockGroup); }
  const float* term() const { return scale() + R; }
  // Minus the sum of q over the group, its first and its second half.
  const int32_t* minus_sum(int half) const {
    return reinterpret_cast<const int32_t*>(scale() + (2 + half) * R);
  }
  TileGroup next() const { return {q + R * kQuantizedGroupBytes}; }
};
constexpr int kWholeGroup = 0, kFirstHalf = 1;

// acc + dot * (w_scale * x_scale) [+ w_minimum * x_term]: the float steps, in this order.
inline __attribute__((always_inline)) F32x16 accumulate(BlockLayout layout, F32x16 acc, F32x16 dot,
                                                        F32x16 w_scale, F32x16 w_minimum,
                                                        float x_scale, float x_term) {
  acc = fma(dot, mul(w_scale, splat(x_scale)), acc);
  return layout.minimums ? fma(w_minimum, splat(x_term), acc) : acc;
}

// Minus the sum of q over the subgroup.
template <int R>
inline __attribute__((always_inline)) int32_t minus_sum_of(BlockLayout layout, TileGroup<R> x,
                                                           int r, int sub) {
  return x.minus_sum(layout.subgroups == 1 ? kWholeGroup : kFirstHalf + sub)[r];
}

// The minimum's factor: x_scale times the sum over the subgroup.
template <int R>
inline __attribute__((always_inline)) float term_of(BlockLayout layout, TileGroup<R> x, int r,
                                                    int sub) {
  if (!layout.minimums) return 0.0f;
  if (layout.subgroups == 1) return x.term()[r];
  return -(x.scale()[r] * static_cast<float>(minus_sum_of(layout, x, r, sub)));
}

// dot(...) of rows and a group's columns is sum (w - zero) * q with w unsigned, where a form has a
// zero: sum w * q + zero * minus_sum.
#if defined(__AVX512F__)
template <BlockForm F>
inline void unpack_group(const std::byte* p, __m512i (&w)[kQuadsOfGroup]) {
  const __m512i low = _mm512_set1_epi8(15);
  WINNOW_UNROLL for (int i = 0; i < kQuadsOfGroup; ++i) {
    if (Form<F>::kLayout.bits == 8) {
      w[i] = _mm512_loadu_si512(p + i * 64);
    } else if (i < kQuadsOfGroup / 2) {
      const __m512i both = _mm512_loadu_si512(p + i * 64);
      w[i] = _mm512_and_si512(both, low);
      w[i + kQuadsOfGroup / 2] = _mm512_and_si512(_mm512_srli_epi16(both, 4), low);
    }
  }
}

template <BlockForm F, int R>
inline __attribute__((always_inline)) void multiply_group(const std::byte* p, TileGroup<R> x,
                                                          F32x16 (&acc)[R]) {
  constexpr int kSub = Form<F>::kSubgroups, kQuads = Form<F>::kQuads;
  constexpr BlockLayout kLayout = layout_of(F);
  __m512i w[kQuadsOfGroup];
  unpack_group<F>(p + kLayout.scale_bytes(), w);
  F32x16 scale[kSub], minimum[kSub];
  WINNOW_UNROLL for (int s = 0; s < kSub; ++s) {
    scale[s] = load_scale(kLayout, p, s);
    minimum[s] = kLayout.minimums ? load_scale(kLayout, p, kSub + s) : zero();
  }
  // Rows take turns, kTurn at once: one row's products would wait for each other.
  constexpr int kTurn = R < 4 ? R : 4;
  WINNOW_UNROLL for (int s = 0; s < kSub; ++s) {
    WINNOW_UNROLL for (int first = 0; first < R; first += kTurn) {
      const int turn = R - first < kTurn ? R - first : kTurn;
      __m512i dot[kTurn];
      WINNOW_UNROLL for (int r = 0; r < turn; ++r) {
        dot[r] = _mm512_setzero_si512();
        if (kLayout.zero_log2 >= 0)
          dot[r] = _mm512_slli_epi32(_mm512_set1_epi32(minus_sum_of(kLayout, x, first + r, s)),
                                     kLayout.zero_log2);
      }
      WINNOW_UNROLL for (int i = s * kQuads; i < (s + 1) * kQuads; ++i)
          WINNOW_UNROLL for (int r = 0; r < turn; ++r) {
        const auto* quads = reinterpret_cast<const int32_t*>(x.row(first + r));
        dot[r] = _mm512_dpbusd_epi32(dot[r], w[i], _mm512_set1_epi32(quads[i]));
      }
      WINNOW_UNROLL for (int r = 0; r < turn; ++r) acc[first + r] =
          accumulate(kLayout, acc[first + r], {_mm512_cvtepi32_ps(dot[r])}, scale[s], minimum[s],
                     x.scale()[first + r], term_of(kLayout, x, first + r, s));
    }
  }
}

#elif defined(__AVX2__)

struct Quad {  // four values of k of sixteen columns
  __m256i lo, hi;
};

template <BlockForm F>
inline Quad unpack_quad(const std::byte* p, int i) {
  constexpr int kStored = layout_of(F).bits == 8 ? kQuadsOfGroup : kQuadsOfGroup / 2;
  const auto* at = reinterpret_cast<const __m256i*>(p) + i % kStored * 2;
  Quad w{_mm256_loadu_si256(at), _mm256_loadu_si256(at + 1)};
  if (kStored == kQuadsOfGroup) return w;
  const __m256i low = _mm256_set1_epi8(15);
  if (i >= kStored) w = {_mm256_srli_epi16(w.lo, 4), _mm256_srli_epi16(w.hi, 4)};
  return {_mm256_and_si256(w.lo, low), _mm256_and_si256(w.hi, low)};
}

// How many pairs of products, each at most 2 * largest * 127, may be added in 16 bits.
constexpr int pairs_in_16_bits(int largest) {
  int pairs = 1;
  while (pairs < kQuadsOfGroup && (pairs * 2) * 2 * largest * 127 <= 32767) pairs *= 2;
  return pairs;
}

// Eight bits would leave 16 when added in pairs: they are taken as signed, w - 128, and their signs
// are moved to q. |w - 128| <= 128 and |q| <= 127, so 2 * 128 * 127 < 2^15.
template <BlockForm F, int R>
inline __attribute__((always_inline)) void multiply_group(const std::byte* p, TileGroup<R> x,
                                                          F32x16 (&acc)[R]) {
  constexpr int kSub = Form<F>::kSubgroups, kQuads = Form<F>::kQuads;
  constexpr BlockLayout kLayout = layout_of(F);
  constexpr bool kSigned = kLayout.largest > 127;
  constexpr int kPairs = kSigned ? 1 : pairs_in_16_bits(kLayout.largest);
  constexpr int kRun = kPairs < kQuads ? kPairs : kQuads;
  const __m256i ones = _mm256_set1_epi16(1), offset = _mm256_set1_epi8(-128);
  WINNOW_UNROLL for (int s = 0; s < kSub; ++s) {
    __m256i wide_lo[R], wide_hi[R];
    WINNOW_UNROLL for (int first = 0; first < kQuads; first += kRun) {
      __m256i lo[R], hi[R];
      WINNOW_UNROLL for (int i = first; i < first + kRun; ++i) {
        const int quad = s * kQuads + i;
        Quad w = unpack_quad<F>(p + kLayout.scale_bytes(), quad);
        Quad size = w;
        if (kSigned) {
          w = {_mm256_xor_si256(w.lo, offset), _mm256_xor_si256(w.hi, offset)};
          size = {_mm256_abs_epi8(w.lo), _mm256_abs_epi8(w.hi)};
        }
        WINNOW_UNROLL for (int r = 0; r < R; ++r) {
          const __m256i q = _mm256_set1_epi32(reinterpret_cast<const int32_t*>(x.row(r))[quad]);
          const __m256i q_lo = kSigned ? _mm256_sign_epi8(q, w.lo) : q;
          const __m256i q_hi = kSigned ? _mm256_sign_epi8(q, w.hi) : q;
          const __m256i pair_lo = _mm256_maddubs_epi16(size.lo, q_lo);
          const __m256i pair_hi = _mm256_maddubs_epi16(size.hi, q_hi);
          lo[r] = i == first ? pair_lo : _mm256_add_epi16(lo[r], pair_lo);
          hi[r] = i == first ? pair_hi : _mm256_add_epi16(hi[r], pair_hi);
          // Add now: left alone, GCC 12 keeps all products for later, in memory.
          __asm__("" : "+x"(lo[r]), "+x"(hi[r]));
        }
      }
      WINNOW_UNROLL for (int r = 0; r < R; ++r) {
        lo[r] = _mm256_madd_epi16(lo[r], ones);
        hi[r] = _mm256_madd_epi16(hi[r], ones);
        wide_lo[r] = first == 0 ? lo[r] : _mm256_add_epi32(wide_lo[r], lo[r]);
        wide_hi[r] = first == 0 ? hi[r] : _mm256_add_epi32(wide_hi[r], hi[r]);
      }
    }
    const F32x16 scale = load_scale(kLayout, p, s);
    const F32x16 minimum = kLayout.minimums ? load_scale(kLayout, p, kSub + s) : zero();
    // What the sums have too much, as multiples of minus_sum.
    constexpr int kExcess =
        (kLayout.zero_log2 >= 0 ? 1 << kLayout.zero_log2 : 0) - (kSigned ? 128 : 0);
    WINNOW_UNROLL for (int r = 0; r < R; ++r) {
      if (kExcess != 0) {
        const __m256i excess = _mm256_set1_epi32(minus_sum_of(kLayout, x, r, s) * kExcess);
        wide_lo[r] = _mm256_add_epi32(wide_lo[r], excess);
        wide_hi[r] = _mm256_add_epi32(wide_hi[r], excess);
      }
      const F32x16 dot{_mm256_cvtepi32_ps(wide_lo[r]), _mm256_cvtepi32_ps(wide_hi[r])};
      acc[r] =
          accumulate(kLayout, acc[r], dot, scale, minimum, x.scale()[r], term_of(kLayout, x, r, s));
    }
  }
}

#else

// One function for all forms: with sanitizers, nine of them take minutes to compile.
__attribute__((noinline)) void multiply_plain(BlockLayout layout, const std::byte* p,
                                              TileGroup<1> x, F32x16& acc) {
  uint8_t w[kQuadsOfGroup * kPanel * 4];
  const auto* data = reinterpret_cast<const uint8_t*>(p + layout.scale_bytes());
  constexpr int kBytes = static_cast<int>(sizeof w);
  for (int i = 0; i < kBytes; ++i)
    w[i] = layout.bits == 8 ? data[i] : i < kBytes / 2 ? data[i] & 15 : data[i - kBytes / 2] >> 4;
  const int quads = kQuadsOfGroup / layout.subgroups;
  for (int s = 0; s < layout.subgroups; ++s) {
    const F32x16 minimum = layout.minimums ? load_scale(layout, p, layout.subgroups + s) : zero();
    const int32_t excess =
        layout.zero_log2 >= 0 ? minus_sum_of(layout, x, 0, s) * (1 << layout.zero_log2) : 0;
    int32_t dot[kPanel];
    for (int c = 0; c < kPanel; ++c) dot[c] = excess;
    for (int i = s * quads; i < (s + 1) * quads; ++i)
      for (int c = 0; c < kPanel; ++c)
        for (int j = 0; j < 4; ++j) dot[c] += w[(i * kPanel + c) * 4 + j] * x.row(0)[i * 4 + j];
    acc = accumulate(layout, acc, each([&](int c) { return static_cast<float>(dot[c]); }),
                     load_scale(layout, p, s), minimum, x.scale()[0], term_of(layout, x, 0, s));
  }
}

template <BlockForm F, int R>
inline void multiply_group(const std::byte* p, TileGroup<R> x, F32x16 (&acc)[R]) {
  multiply_plain(layout_of(F), p, x, acc[0]);
}
#endif

// A group's weights lie this far ahead of the reader when they are asked for: the hardware's own
// prefetch stops at the end of a page.
constexpr int kAheadBytes = 2048;

// Not inlined, so that a tile's sums stay in registers.
template <BlockForm F, int R>
__attribute__((noinline)) void blocks_tile(const LinearBlocks& a, const int8_t* x, int64_t row,
                                           int64_t panel) {
  constexpr int kGroupBytes = layout_of(F).group_bytes();
  const std::byte* p = a.data + a.panel_at[panel];
  TileGroup<R> group{x};
  F32x16 acc[R];
  WINNOW_UNROLL for (int r = 0; r < R; ++r) acc[r] = zero();
  for (int64_t g = a.k / kBlockGroup; g > 0; --g, p += kGroupBytes, group = group.next()) {
    if (R < 12)
      WINNOW_UNROLL for (int i = 0; i < kGroupBytes; i += 64)
          __builtin_prefetch(p + kAheadBytes + i);
    multiply_group<F, R>(p, group, acc);
  }
  const F32x16 bias = load(a.bias + panel * kPanel);
  for (int r = 0; r < R && row + r < a.rows; ++r)
    store_columns(a.out, row + r, panel, a.n, activate(add(acc[r], bias), a.act));
}

// The tile of `rows` rows, if it is one of this instruction set's.
template <BlockForm F, int R>
inline void run_blocks_tile(const LinearBlocks& a, const int8_t* x, int rows, int64_t row,
                            int64_t panel) {
  if constexpr (R <= kRowTileBlocks)
    if (rows == R) blocks_tile<F, R>(a, x, row, panel);
}

template <BlockForm F>
void blocks_panel(const LinearBlocks& a, int64_t row_begin, int64_t row_end, int64_t panel) {
  for (int64_t row = row_begin; row < row_end;) {
    const int8_t* x = a.x + row * quantized_row_bytes(a.k);
    const int rows = block_tile_rows(a.rows - row);
    run_blocks_tile<F, 1>(a, x, rows, row, panel);
    run_blocks_tile<F, 2>(a, x, rows, row, panel);
    run_blocks_tile<F, 3>(a, x, rows, row, panel);
    run_blocks_tile<F, 4>(a, x, rows, row, panel);
    run_blocks_tile<F, 6>(a, x, rows, row, panel);
    run_blocks_tile<F, 8>(a, x, rows, row, panel);
    run_blocks_tile<F, 12>(a, x, rows, row, panel);
    row += rows;
  }
}

void linear_blocks(const LinearBlocks& a, int64_t row_begin, int64_t row_end, int64_t panel_begin,
                   int64_t panel_end) {
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) switch (a.form[panel]) {
#define WINNOW_FORM(name)                                        \
  case BlockForm::name:                                          \
    blocks_panel<BlockForm::name>(a, row_begin, row_end, panel); \
    break;
      WINNOW_FORM(kQ4_0)
      WINNOW_FORM(kQ4_1)
      WINNOW_FORM(kQ4_k)
      WINNOW_FORM(kQ5_0)
      WINNOW_FORM(kQ5_1)
      WINNOW_FORM(kQ5_k)
      WINNOW_FORM(kQ6_k)
      WINNOW_FORM(kQ8_0)
      WINNOW_FORM(kMixed)
#undef WINNOW_FORM
    }
}

// One row's groups into a tile of R rows.
inline void quantize_row_blocks(const float* x, int64_t k, int8_t* tile, int rows, int r) {
  F32x16 strange = zero();  // not 0 where the row has an infinity or a NaN
  for (int64_t c = 0; c < k; c += kLanes) strange = fma(load(x + c), zero(), strange);
  const float poison = sum_lanes(strange);
  const F32x16 low = splat(-127.0f), high = splat(127.0f);
  for (int64_t g = 0; g < k / kBlockGroup; ++g, tile += rows * kQuantizedGroupBytes) {
    const F32x16 a = load(x + g * kBlockGroup), b = load(x + g * kBlockGroup + kLanes);
    const float most = max_lanes(max(abs(a), abs(b)));
    const bool nothing = most < kLeastOfGroup;
    const float scale = nothing ? 0.0f : most / 127.0f;
    const F32x16 inverse = splat(nothing ? 0.0f : 127.0f / most);
    const F32x16 qa = min(max(round(mul(a, inverse)), low), high);
    const F32x16 qb = min(max(round(mul(b, inverse)), low), high);
    store_s8(tile + r * kBlockGroup, qa);
    store_s8(tile + r * kBlockGroup + kLanes, qb);
    const float sum_a = sum_lanes(qa), sum_b = sum_lanes(qb);  // whole numbers: exact
    auto* numbers = reinterpret_cast<float*>(tile + rows * kBlockGroup);
    numbers[r] = scale + poison;
    numbers[rows + r] = (scale + poison) * (sum_a + sum_b);
    auto* sums = reinterpret_cast<int32_t*>(numbers + 2 * rows);
    sums[r] = -static_cast<int32_t>(sum_a + sum_b);
    sums[rows + r] = -static_cast<int32_t>(sum_a);
    sums[2 * rows + r] = -static_cast<int32_t>(sum_b);
  }
}

void quantize_blocks(const QuantizeBlocks& a, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end;) {
    const int rows = block_tile_rows(a.rows - row);
    int8_t* tile = a.out + row * quantized_row_bytes(a.k);
    if (row + rows > a.rows) __builtin_memset(tile, 0, rows * quantized_row_bytes(a.k));
    for (int r = 0; r < rows && row + r < a.rows; ++r)
      quantize_row_blocks(a.x + (row + r) * a.x_stride, a.k, tile, rows, r);
    row += rows;
  }
}
