// Softmax attention of one text and one head. Included by isa_*.cpp after linear.inl.
//
// Keys are walked in blocks of kKeyBlock from the text's first, with a running maximum and sum
// (Milakov & Gimelshein 2018, algorithm 3; Dao et al. 2022), so a query's result is a function of
// its text alone. Both products are the same tile as linear_f32's: scores = q tile * keys as
// columns, out = probabilities tile * values.

constexpr float kLog2E = 1.44269504088896340736f;

struct AttentionScratch {
  float* keys;          // [keys / 16][head size][16]
  const float* values;  // panels of 16 columns: in place, or copied where a head is no whole panels
  int64_t values_stride;  // from panel to panel
  int64_t values_step;    // from key to key
  float* q;               // [R][kQueryStride]
  float* scores;          // [R][kScoreStride]
  float* sums;            // [R][head size rounded up to 16]
};

inline void copy_row(const float* from, float* to, int64_t count) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(to + i, load(from + i));
  if (i < count)
    store(to + i, load(from + i, static_cast<int>(count - i)), static_cast<int>(count - i));
}

// to[i][lane] = from[lane][i] * scale for 16 rows, `stride` apart.
inline void transpose_rows(const float* from, int64_t stride, int64_t count, float scale,
                           float* to) {
  int64_t i = 0;
#if defined(__AVX2__)
  const __m128 s = _mm_set1_ps(scale);
  for (; i + 4 <= count; i += 4)
    for (int lane = 0; lane < kLanes; lane += 4) {
      const float* rows = from + lane * stride + i;
      __m128 a = _mm_mul_ps(_mm_loadu_ps(rows), s), b = _mm_mul_ps(_mm_loadu_ps(rows + stride), s);
      __m128 c = _mm_mul_ps(_mm_loadu_ps(rows + 2 * stride), s),
             d = _mm_mul_ps(_mm_loadu_ps(rows + 3 * stride), s);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      float* out = to + i * kLanes + lane;
      _mm_storeu_ps(out, a);
      _mm_storeu_ps(out + kLanes, b);
      _mm_storeu_ps(out + 2 * kLanes, c);
      _mm_storeu_ps(out + 3 * kLanes, d);
    }
#endif
  for (; i < count; ++i)
    for (int lane = 0; lane < kLanes; ++lane)
      to[i * kLanes + lane] = from[lane * stride + i] * scale;
}

// The keys carry the scale and log2 e, so that scores are in units of log2. Keys past the text's
// end are zeros.
inline void pack_keys(const AttentionHead& a, const AttentionScratch& s) {
  const float scale = a.scale * kLog2E;
  const int64_t size = a.head_size, keys = a.keys;
  const int64_t whole = keys / kLanes * kLanes;
  for (int64_t key = 0; key < whole; key += kLanes)
    transpose_rows(a.k + key * a.k_stride, a.k_stride, size, scale, s.keys + key * size);
  if (whole < keys) {
    float* panel = s.keys + whole * size;
    for (int64_t i = 0; i < size; ++i)
      for (int64_t lane = 0; lane < kLanes; ++lane)
        panel[i * kLanes + lane] =
            whole + lane < keys ? a.k[(whole + lane) * a.k_stride + i] * scale : 0.0f;
  }
}

// Values whose head size is whole panels are read where they are; others are padded into `room`.
inline void place_values(const AttentionHead& a, float* room, AttentionScratch& s) {
  if (a.head_size % kLanes == 0) {
    s.values = a.v, s.values_stride = kLanes, s.values_step = a.v_stride;
    return;
  }
  s.values = room, s.values_stride = a.keys * kLanes, s.values_step = kLanes;
  for (int64_t column = 0; column < a.head_size; column += kLanes) {
    const float* from = a.v + column;
    const int64_t left = a.head_size - column;
    for (int64_t key = 0; key < a.keys; ++key, from += a.v_stride, room += kLanes)
      store(room, left >= kLanes ? load(from) : load(from, static_cast<int>(left)));
  }
}

// scores[r][c] for the block's keys from `begin`, a multiple of 16.
template <int R>
inline void score_block(const AttentionHead& a, const AttentionScratch& s, int64_t first_key,
                        int64_t begin, int64_t block) {
  const int64_t panel_stride = a.head_size * kLanes;
  for (int64_t c = begin; c < block;) {
    const float* panels = s.keys + (first_key + c) * a.head_size;
    if (kPanelTile == 2 && c + kLanes < block) {
      F32x16 sums[R][2];
      WINNOW_UNROLL for (int r = 0; r < R; ++r) sums[r][0] = sums[r][1] = zero();
      multiply<R, 2, kQueryStride, 1>(s.q, panels, panel_stride, a.head_size, sums);
      for (int r = 0; r < R; ++r) {
        store(s.scores + r * kScoreStride + c, sums[r][0]);
        store(s.scores + r * kScoreStride + c + kLanes, sums[r][1]);
      }
      c += 2 * kLanes;
    } else {
      F32x16 sums[R][1];
      WINNOW_UNROLL for (int r = 0; r < R; ++r) sums[r][0] = zero();
      multiply<R, 1, kQueryStride, 1>(s.q, panels, panel_stride, a.head_size, sums);
      for (int r = 0; r < R; ++r) store(s.scores + r * kScoreStride + c, sums[r][0]);
      c += kLanes;
    }
  }
}

// Turns a row of `block` scores into 2^(score - maximum), 0 past the block's end; updates maximum
// and sum. Returns what earlier sums are to be multiplied by.
inline float soften(float* row, int64_t block, bool first, float& maximum, float& sum) {
  constexpr float kLowest = -3.0e38f;
  F32x16 top = splat(kLowest);
  const int64_t whole = block / kLanes * kLanes;
  const int tail = static_cast<int>(block - whole);
  for (int64_t c = 0; c < whole; c += kLanes) top = max(top, load(row + c));
  if (tail) {
    for (int c = tail; c < kLanes; ++c) row[whole + c] = kLowest;
    top = max(top, load(row + whole));
  }
  const float before = maximum;
  const float highest = max_lanes(top);
  maximum = highest > before ? highest : before;
  F32x16 total = zero();
  const F32x16 shift = splat(maximum);
  for (int64_t c = 0; c < whole; c += kLanes) {
    const F32x16 p = exp2(sub(load(row + c), shift));
    store(row + c, p);
    total = add(total, p);
  }
  if (tail) {
    const F32x16 p = exp2(sub(load(row + whole), shift));
    store(row + whole, p);
    for (int c = tail; c < kLanes; ++c) row[whole + c] = 0.0f;
    total = add(total, load(row + whole));
  }
  if (first) {
    sum = sum_lanes(total);
    return 0.0f;
  }
  alignas(64) float rescale[kLanes];
  store(rescale, exp2(splat(before - maximum)));
  sum = __builtin_fmaf(sum, rescale[0], sum_lanes(total));
  return rescale[0];
}

// The keys of one block that a tile of rows may see: [begin, end) of it.
struct KeyRange {
  int64_t begin, end;
};

// The same for one row that sees the keys [low, high) of those of `range` alone: the others count
// as nothing, so that the row's bits do not depend on the range. A row that sees none stays as it
// is.
inline float soften_window(float* row, KeyRange range, int64_t low, int64_t high, float& maximum,
                           float& sum) {
  constexpr float kLowest = -3.0e38f;
  const int64_t padded = (range.end + kLanes - 1) / kLanes * kLanes;
  for (int64_t c = range.begin; c < (low < high ? low : padded); ++c) row[c] = kLowest;
  for (int64_t c = high > range.begin ? high : range.begin; c < padded; ++c) row[c] = kLowest;
  if (low >= high) {
    for (int64_t c = range.begin; c < padded; ++c) row[c] = 0.0f;
    return 1.0f;
  }
  F32x16 top = splat(kLowest);
  for (int64_t c = range.begin; c < padded; c += kLanes) top = max(top, load(row + c));
  const float before = maximum;
  const float highest = max_lanes(top);
  maximum = highest > before ? highest : before;
  F32x16 total = zero();
  const F32x16 shift = splat(maximum);
  for (int64_t c = range.begin; c < padded; c += kLanes) {
    store(row + c, exp2(sub(load(row + c), shift)));
    for (int64_t i = c; i < c + kLanes; ++i)
      if (i < low || i >= high) row[i] = 0.0f;
    total = add(total, load(row + c));
  }
  alignas(64) float rescale[kLanes];
  store(rescale, exp2(splat(before - maximum)));
  sum = __builtin_fmaf(sum, rescale[0], sum_lanes(total));
  return rescale[0];
}

template <int R, int P>
inline void mix_panels(const AttentionHead& a, const AttentionScratch& s, int64_t first_key,
                       KeyRange range, bool first, int64_t panel, const float* rescale) {
  const int64_t width = (a.head_size + kLanes - 1) / kLanes * kLanes;
  F32x16 sums[R][P];
  for (int r = 0; r < R; ++r)
    for (int p = 0; p < P; ++p)
      sums[r][p] =
          first ? zero() : mul(load(s.sums + r * width + (panel + p) * kLanes), splat(rescale[r]));
  multiply<R, P, kScoreStride, 1>(
      s.scores + range.begin,
      s.values + panel * s.values_stride + (first_key + range.begin) * s.values_step,
      s.values_stride, range.end - range.begin, sums, s.values_step);
  for (int r = 0; r < R; ++r)
    for (int p = 0; p < P; ++p) store(s.sums + r * width + (panel + p) * kLanes, sums[r][p]);
}

template <int R>
void attend_rows(const AttentionHead& a, const AttentionScratch& s, int64_t row) {
  for (int r = 0; r < R; ++r)
    copy_row(a.q + (row + r) * a.q_stride, s.q + r * kQueryStride, a.head_size);
  float maximum[R], sum[R], rescale[R];
  for (int r = 0; r < R; ++r) maximum[r] = -3.0e38f, sum[r] = 0.0f;
  const int64_t panels = (a.head_size + kLanes - 1) / kLanes;
  // The keys that some row of the tile sees.
  const int64_t from = a.window && row > a.window ? row - a.window : 0;
  const int64_t to = a.window && row + R + a.window < a.keys ? row + R + a.window : a.keys;
  const int64_t first = from / kKeyBlock * kKeyBlock;
  for (int64_t key = first; key < to; key += kKeyBlock) {
    const KeyRange range{.begin = key < from ? (from - key) / kLanes * kLanes : 0,
                         .end = to - key < kKeyBlock ? to - key : kKeyBlock};
    score_block<R>(a, s, key, range.begin, range.end);
    for (int r = 0; r < R; ++r) {
      float* scores = s.scores + r * kScoreStride;
      if (a.window == 0) {
        rescale[r] = soften(scores, range.end, key == 0, maximum[r], sum[r]);
        continue;
      }
      const int64_t low = row + r - a.window - key, high = row + r + a.window + 1 - key;
      rescale[r] = soften_window(scores, range, low > range.begin ? low : range.begin,
                                 high < range.end ? high : range.end, maximum[r], sum[r]);
    }
    int64_t panel = 0;
    if (kPanelTile == 2)
      for (; panel + 2 <= panels; panel += 2)
        mix_panels<R, 2>(a, s, key, range, key == first, panel, rescale);
    for (; panel < panels; ++panel)
      mix_panels<R, 1>(a, s, key, range, key == first, panel, rescale);
  }
  for (int r = 0; r < R; ++r) {
    const F32x16 inverse = splat(1.0f / sum[r]);
    for (int64_t panel = 0; panel < panels; ++panel)
      store_row(a.out + (row + r) * a.out_stride + panel * kLanes,
                mul(load(s.sums + (r * panels + panel) * kLanes), inverse),
                a.head_size - panel * kLanes);
  }
}

template <int R>
inline void attend_tile(const AttentionHead& a, const AttentionScratch& s, int rows, int64_t row) {
  if (rows == R) return attend_rows<R>(a, s, row);
  if constexpr (R > 1) attend_tile<(R + 1) / 2>(a, s, rows, row);
}

void attention_head(const AttentionHead& a) {
  const int64_t keys16 = (a.keys + kLanes - 1) / kLanes * kLanes;
  const int64_t size16 = (a.head_size + kLanes - 1) / kLanes * kLanes;
  AttentionScratch s;
  s.keys = a.scratch;
  float* values = s.keys + keys16 * a.head_size;
  s.scores = values + a.keys * size16;
  s.sums = s.scores + kMaxRowTile * kScoreStride;
  s.q = s.sums + kMaxRowTile * size16;
  pack_keys(a, s);
  place_values(a, values, s);
  for (int64_t row = 0; row < a.queries;) {
    const int rows = tile_rows<kRowTile>(a.queries - row);
    attend_tile<kRowTile>(a, s, rows, row);
    row += rows;
  }
}
