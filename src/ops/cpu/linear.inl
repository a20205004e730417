// Matrix products of packed panels, f32 and 8-bit. Included by isa_body.inl after rowwise.inl;
// see isa.h for the contracts.
//
// A range of rows is first laid out tile by tile with k outermost ([k][rows of the tile]), so that
// the inner loop reads one stream for x and one for each panel. Tiles of fewer rows sum in the same
// order, so they give the same bits.

// Sixteen int32 accumulators.
#if defined(__AVX512F__)
struct I32x16 {
  __m512i v;
};
inline F32x16 less_zero_point(I32x16 sum, int32_t zero, const int32_t* w_sum) {
  const __m512i excess = _mm512_mullo_epi32(_mm512_set1_epi32(zero), _mm512_loadu_si512(w_sum));
  return {_mm512_cvtepi32_ps(_mm512_sub_epi32(sum.v, excess))};
}
#elif defined(__AVX2__)
struct I32x16 {
  __m256i lo, hi;
};
inline F32x16 less_zero_point(I32x16 sum, int32_t zero, const int32_t* w_sum) {
  const __m256i z = _mm256_set1_epi32(zero);
  const auto* w = reinterpret_cast<const __m256i*>(w_sum);
  const __m256i lo = _mm256_sub_epi32(sum.lo, _mm256_mullo_epi32(z, _mm256_loadu_si256(w)));
  const __m256i hi = _mm256_sub_epi32(sum.hi, _mm256_mullo_epi32(z, _mm256_loadu_si256(w + 1)));
  return {_mm256_cvtepi32_ps(lo), _mm256_cvtepi32_ps(hi)};
}
#else
struct I32x16 {
  int32_t lane[kLanes];
};
inline F32x16 less_zero_point(I32x16 sum, int32_t zero, const int32_t* w_sum) {
  return each([&](int i) { return static_cast<float>(sum.lane[i] - zero * w_sum[i]); });
}
#endif

#if defined(__AVX512F__)
constexpr int kRowTile = 12, kPanelTile = 2, kRowTileI8 = 12, kPanelTileI8 = 2;
#elif defined(__AVX2__)
constexpr int kRowTile = 6, kPanelTile = 1, kRowTileI8 = 3, kPanelTileI8 = 1;
#else
constexpr int kRowTile = 4, kPanelTile = 1, kRowTileI8 = 4, kPanelTileI8 = 1;
#endif

// The tile's sums stay in registers only if every index is a constant: each loop over r and p is
// unrolled, and the sums of the inner loop are locals that are read and written once.
#define WINNOW_UNROLL _Pragma("GCC unroll 12")
#define WINNOW_EACH_SUM \
  WINNOW_UNROLL for (int r = 0; r < R; ++r) WINNOW_UNROLL for (int p = 0; p < P; ++p)

// sums[r][p] += x tile * panels[p] [k][16], whose rows lie panel_step apart. Element (r, i) of the
// tile lies at x[r * kRow + i * kStep]: a tile that was laid out for this is [k][R], another may
// have its rows kRow apart.
template <int R, int P, int kRow = 1, int kStep = R>
inline __attribute__((always_inline)) void multiply(const float* x, const float* panels,
                                                    int64_t panel_stride, int64_t k,
                                                    F32x16 (&sums)[R][P],
                                                    int64_t panel_step = kLanes) {
  F32x16 local[R][P];
  WINNOW_EACH_SUM local[r][p] = sums[r][p];
  for (int64_t i = 0; i < k; ++i) {
    F32x16 w[P];
    WINNOW_UNROLL for (int p = 0; p < P; ++p) w[p] =
        load(panels + p * panel_stride + i * panel_step);
    WINNOW_UNROLL for (int r = 0; r < R; ++r) {
      const F32x16 xr = splat(x[r * kRow + i * kStep]);
      WINNOW_UNROLL for (int p = 0; p < P; ++p) local[r][p] = fma(xr, w[p], local[r][p]);
    }
  }
  WINNOW_EACH_SUM sums[r][p] = local[r][p];
}

// Stores up to 16 values of one row.
inline void store_row(float* row, F32x16 value, int64_t count) {
  if (count >= kPanel)
    store(row, value);
  else
    store(row, value, static_cast<int>(count));
}

// Stores columns [16 * panel, 16 * panel + 16) of a row, as far as there are n of them.
inline void store_columns(const Out& out, int64_t row, int64_t panel, int64_t n, F32x16 value) {
  const int64_t column = panel * kPanel;
  if (out.block % kPanel == 0 || out.block == n) {  // a panel lies within one block
    const int64_t block = column / out.block;
    float* to = out.data + block * out.block_stride + row * out.block + column % out.block;
    return store_row(to, value, n - column);
  }
  float lanes[kPanel];
  store(lanes, value);
  for (int64_t c = column; c < n && c < column + kPanel; ++c)
    out.data[c / out.block * out.block_stride + row * out.block + c % out.block] =
        lanes[c - column];
}

// Not inlined: within its caller GCC 12 runs out of registers and keeps sums in memory.
template <int R, int P>
__attribute__((noinline)) void linear_tile(const LinearF32& a, const float* x, int64_t row,
                                           int64_t panel) {
  F32x16 sums[R][P];
  WINNOW_EACH_SUM sums[r][p] = zero();
  multiply<R, P>(x, a.panels + panel * a.k * kPanel, a.k * kPanel, a.k, sums);
  for (int p = 0; p < P; ++p) {
    const F32x16 bias = load(a.bias + (panel + p) * kPanel);
    for (int r = 0; r < R; ++r)
      store_columns(a.out, row + r, panel + p, a.n, activate(add(sums[r][p], bias), a.act));
  }
}

// sums[r][p] = q tile [k4][R] * panels[p], each product of four bytes.
#if defined(__AVX512F__)
template <int R, int P>
inline __attribute__((always_inline)) void multiply_i8(const LinearI8& a, const int32_t* q,
                                                       int64_t panel, I32x16 (&sums)[R][P]) {
  const int64_t panel_stride = a.k4 * kPanel * 4;
  const int8_t* w = a.panels + panel * panel_stride;
  __m512i local[R][P];
  WINNOW_EACH_SUM local[r][p] = _mm512_setzero_si512();
  for (int64_t i = 0; i < a.k4; ++i) {
    __m512i wi[P];
    WINNOW_UNROLL for (int p = 0; p < P; ++p) wi[p] =
        _mm512_loadu_si512(w + p * panel_stride + i * kPanel * 4);
    WINNOW_UNROLL for (int r = 0; r < R; ++r) {
      const __m512i qr = _mm512_set1_epi32(q[i * R + r]);
      WINNOW_UNROLL for (int p = 0; p < P; ++p) local[r][p] =
          _mm512_dpbusd_epi32(local[r][p], qr, wi[p]);
    }
  }
  WINNOW_EACH_SUM sums[r][p].v = local[r][p];
}
#elif defined(__AVX2__)
// Pairs of products are added in 16 bits within a segment (I8Steps says why that is exact), then
// widened.
template <int R, int P>
inline __attribute__((always_inline)) void multiply_i8(const LinearI8& a, const int32_t* q,
                                                       int64_t panel, I32x16 (&sums)[R][P]) {
  static_assert(P == 1);
  const I8Steps& s = a.steps;
  const int8_t* w = s.data + s.panel_step[panel] * kPanel * 4;
  const int32_t* k4 = s.k4 + s.panel_step[panel];
  const int32_t* steps = s.segment_steps + s.panel_segment[panel];
  const int32_t* const end = s.segment_steps + s.panel_segment[panel + 1];
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i wide_lo[R], wide_hi[R];
  WINNOW_UNROLL for (int r = 0; r < R; ++r) wide_lo[r] = wide_hi[r] = _mm256_setzero_si256();
  for (; steps < end; ++steps) {
    __m256i lo[R], hi[R];
    WINNOW_UNROLL for (int r = 0; r < R; ++r) lo[r] = hi[r] = _mm256_setzero_si256();
    for (int32_t left = *steps; left > 0; --left, w += kPanel * 4, ++k4) {
      const __m256i w_lo = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w));
      const __m256i w_hi = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + 32));
      const int32_t* qk = q + int64_t{*k4} * R;
      WINNOW_UNROLL for (int r = 0; r < R; ++r) {
        const __m256i qr = _mm256_set1_epi32(qk[r]);
        lo[r] = _mm256_add_epi16(lo[r], _mm256_maddubs_epi16(qr, w_lo));
        hi[r] = _mm256_add_epi16(hi[r], _mm256_maddubs_epi16(qr, w_hi));
      }
    }
    WINNOW_UNROLL for (int r = 0; r < R; ++r) {
      wide_lo[r] = _mm256_add_epi32(wide_lo[r], _mm256_madd_epi16(lo[r], ones));
      wide_hi[r] = _mm256_add_epi32(wide_hi[r], _mm256_madd_epi16(hi[r], ones));
    }
  }
  WINNOW_UNROLL for (int r = 0; r < R; ++r) sums[r][0] = {wide_lo[r], wide_hi[r]};
}
#else
template <int R, int P>
inline void multiply_i8(const LinearI8& a, const int32_t* q, int64_t panel, I32x16 (&sums)[R][P]) {
  static_assert(P == 1);
  const int8_t* w = a.panels + panel * a.k4 * kPanel * 4;
  for (int r = 0; r < R; ++r) sums[r][0] = {};
  for (int64_t i = 0; i < a.k4; ++i)
    for (int r = 0; r < R; ++r) {
      uint8_t q4[4];
      __builtin_memcpy(q4, &q[i * R + r], 4);
      for (int c = 0; c < kPanel; ++c)
        for (int j = 0; j < 4; ++j) sums[r][0].lane[c] += q4[j] * w[(i * kPanel + c) * 4 + j];
    }
}
#endif

// A range's quantised rows: tiles [k4][R] of four bytes, and how each row was quantised.
struct QuantizedRange {
  const LinearI8& linear;
  int64_t first_row;
  int32_t* tiles;
  float* scale;   // [rows of the range]
  int32_t* zero;  // [rows of the range]
  uint8_t* rows;  // [tile][k4 * 4], before they are laid out
};

template <int R, int P>
__attribute__((noinline)) void linear_tile(const QuantizedRange& range, const int32_t* q,
                                           int64_t row, int64_t panel) {
  const LinearI8& a = range.linear;
  I32x16 sums[R][P];
  multiply_i8<R, P>(a, q, panel, sums);
  for (int p = 0; p < P; ++p) {
    const int64_t column = (panel + p) * kPanel;
    const F32x16 w_scale = load(a.w_scale + column), bias = load(a.bias + column);
    for (int r = 0; r < R; ++r) {
      const int64_t at = row + r - range.first_row;
      const F32x16 exact = less_zero_point(sums[r][p], range.zero[at], a.w_sum + column);
      const F32x16 value = fma(exact, mul(splat(range.scale[at]), w_scale), bias);
      store_columns(a.out, row + r, panel + p, a.n, activate(value, a.act));
    }
  }
}

// Lays `rows` rows of k 32-bit values out as [k][rows]: blocks of four by four where vectors allow.
template <typename T>
inline void transpose_tile(const T* x, int64_t stride, int64_t rows, int64_t k, T* out) {
  static_assert(sizeof(T) == 4);
  int64_t done = 0;  // rows
#if defined(__AVX2__)
  const auto* from = reinterpret_cast<const float*>(x);
  auto* to = reinterpret_cast<float*>(out);
  for (; done + 4 <= rows; done += 4) {
    const float* row = from + done * stride;
    int64_t i = 0;
    for (; i + 4 <= k; i += 4) {
      __m128 a = _mm_loadu_ps(row + i), b = _mm_loadu_ps(row + stride + i);
      __m128 c = _mm_loadu_ps(row + 2 * stride + i), d = _mm_loadu_ps(row + 3 * stride + i);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      float* column = to + i * rows + done;
      _mm_storeu_ps(column, a);
      _mm_storeu_ps(column + rows, b);
      _mm_storeu_ps(column + 2 * rows, c);
      _mm_storeu_ps(column + 3 * rows, d);
    }
    for (; i < k; ++i)
      for (int64_t r = done; r < done + 4; ++r) to[i * rows + r] = from[r * stride + i];
  }
#endif
  for (int64_t r = done; r < rows; ++r)
    for (int64_t i = 0; i < k; ++i) out[i * rows + r] = x[r * stride + i];
}

// The widest tile for what is left of a range: the whole tile, else halves of it down to one row.
template <int Whole>
inline int tile_rows(int64_t left) {
  int rows = Whole;
  while (rows > left) rows = (rows + 1) / 2;
  return rows;
}

template <int R, int P, typename Args, typename T>
inline void run_tile(const Args& a, const T* x, int rows, int64_t row, int64_t panel) {
  if (rows == R) return linear_tile<R, P>(a, x, row, panel);
  if constexpr (R > 1) run_tile<(R + 1) / 2, P>(a, x, rows, row, panel);
}

// Both products: tiles of x are laid out once, by lay(row, rows, tile), then each pair of panels
// passes over all of them while it is in cache.
template <int WholeRows, int WholePanels, typename Args, typename T, typename Lay>
inline void linear_range(const Args& a, T* tiles, int64_t k, int64_t row_begin, int64_t row_end,
                         int64_t panel_begin, int64_t panel_end, Lay lay) {
  for (int64_t row = row_begin; row < row_end;) {
    const int rows = tile_rows<WholeRows>(row_end - row);
    lay(row, rows, tiles + (row - row_begin) * k);
    row += rows;
  }
  for (int64_t panel = panel_begin; panel < panel_end;) {
    const bool whole = panel_end - panel >= WholePanels;
    for (int64_t row = row_begin; row < row_end;) {
      const int rows = tile_rows<WholeRows>(row_end - row);
      const T* tile = tiles + (row - row_begin) * k;
      if (whole)
        run_tile<WholeRows, WholePanels>(a, tile, rows, row, panel);
      else
        run_tile<WholeRows, 1>(a, tile, rows, row, panel);
      row += rows;
    }
    panel += whole ? WholePanels : 1;
  }
}

void linear_f32(const LinearF32& a, int64_t row_begin, int64_t row_end, int64_t panel_begin,
                int64_t panel_end) {
  const auto lay = [&](int64_t row, int rows, float* tile) {
    transpose_tile(a.x + row * a.x_stride, a.x_stride, rows, a.k, tile);
  };
  linear_range<kRowTile, kPanelTile>(a, a.scratch, a.k, row_begin, row_end, panel_begin, panel_end,
                                     lay);
}

void linear_i8(const LinearI8& a, int64_t row_begin, int64_t row_end, int64_t panel_begin,
               int64_t panel_end) {
  const int64_t count = row_end - row_begin;
  QuantizedRange range{.linear = a,
                       .first_row = row_begin,
                       .tiles = static_cast<int32_t*>(a.scratch),
                       .scale = nullptr,
                       .zero = nullptr,
                       .rows = nullptr};
  range.rows = reinterpret_cast<uint8_t*>(range.tiles + count * a.k4);
  range.scale = reinterpret_cast<float*>(range.rows + kRowTileI8 * a.k4 * 4);
  range.zero = reinterpret_cast<int32_t*>(range.scale + count);
  const auto lay = [&](int64_t row, int rows, int32_t* tile) {
    for (int r = 0; r < rows; ++r) {
      const ZeroPoint made =
          quantize_row(a.x + (row + r) * a.x_stride, a.k, range.rows + r * a.k4 * 4, a.k4 * 4);
      range.scale[row + r - row_begin] = made.scale;
      range.zero[row + r - row_begin] = made.zero;
    }
    transpose_tile(reinterpret_cast<const int32_t*>(range.rows), a.k4, rows, a.k4, tile);
  };
  linear_range<kRowTileI8, kPanelTileI8>(range, range.tiles, a.k4, row_begin, row_end, panel_begin,
                                         panel_end, lay);
}
