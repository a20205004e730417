// Causal attention over keys and values in pages. Included by isa_body.inl after attention.inl,
// whose tiles and softmax it uses.
//
// Keys are walked in blocks of kKeyBlock in the order of their absolute positions, whatever pages
// they lie in; a row's sums stop at its own token's key. So a token's result has the same bits
// whether it is computed alone, in a chunk of a prompt, or behind a prefix that another request
// computed.

struct CachedScratch {
  float *q, *scores,
      *sums;  // [R][kQueryStride], [R][kScoreStride], [R][head size rounded up to 16]
};

inline const float* key_panel(const CachedHead& a, int64_t key) {
  const int64_t page = a.pages[key / kPageTokens];
  return a.k + page * a.page_stride + key % kPageTokens * a.head_size;
}

// scores[r][c] for keys [first, first + block): whole panels, of which the last may have keys that
// are not written yet.
template <int R>
inline void score_cached(const CachedHead& a, const CachedScratch& s, int64_t first,
                         int64_t block) {
  const int64_t panel_stride = a.head_size * kLanes;
  for (int64_t c = 0; c < block;) {
    const float* panels = key_panel(a, first + c);
    if (kPanelTile == 2 && c + kLanes < block) {  // both in one page: pages are two panels
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

template <int R, int P>
inline void mix_cached(const CachedHead& a, const CachedScratch& s, int64_t first, int64_t block,
                       int64_t panel, const float* rescale) {
  const int64_t width = (a.head_size + kLanes - 1) / kLanes * kLanes;
  F32x16 sums[R][P];
  for (int r = 0; r < R; ++r)
    for (int p = 0; p < P; ++p)
      sums[r][p] = first == 0
                       ? zero()
                       : mul(load(s.sums + r * width + (panel + p) * kLanes), splat(rescale[r]));
  for (int64_t c = 0; c < block; c += kPageTokens) {
    const float* page = a.v + int64_t{a.pages[(first + c) / kPageTokens]} * a.page_stride;
    multiply<R, P, kScoreStride, 1>(s.scores + c, page + panel * kLanes, kLanes,
                                    block - c < kPageTokens ? block - c : kPageTokens, sums, width);
  }
  for (int r = 0; r < R; ++r)
    for (int p = 0; p < P; ++p) store(s.sums + r * width + (panel + p) * kLanes, sums[r][p]);
}

template <int R>
void attend_cached(const CachedHead& a, const CachedScratch& s, int64_t row) {
  for (int r = 0; r < R; ++r)
    copy_row(a.q + (row + r) % a.group * a.q_stride + (row + r) / a.group * a.head_size,
             s.q + r * kQueryStride, a.head_size);
  const F32x16 scale = splat(a.scale * kLog2E);
  for (int r = 0; r < R; ++r)
    for_columns(a.head_size, [&](int64_t c, int lanes) {
      float* q = s.q + r * kQueryStride + c;
      store_lanes(q, mul(load_lanes(q, lanes), scale), lanes);
    });
  float maximum[R], sum[R], rescale[R];
  for (int r = 0; r < R; ++r) maximum[r] = -3.0e38f, sum[r] = 0.0f;
  const int64_t keys = a.past + (row + R - 1) / a.group + 1;  // that the last row sees
  const int64_t panels = (a.head_size + kLanes - 1) / kLanes;
  for (int64_t key = 0; key < keys; key += kKeyBlock) {
    const int64_t block = keys - key < kKeyBlock ? keys - key : kKeyBlock;
    score_cached<R>(a, s, key, block);
    for (int r = 0; r < R; ++r) {
      float* scores = s.scores + r * kScoreStride;
      const int64_t seen = a.past + (row + r) / a.group + 1 - key;
      const int64_t mine = seen < 0 ? 0 : seen < block ? seen : block;
      rescale[r] = 1.0f;
      if (mine > 0) rescale[r] = soften(scores, mine, key == 0, maximum[r], sum[r]);
      for (int64_t c = (mine + kLanes - 1) / kLanes * kLanes; c < block; ++c) scores[c] = 0.0f;
    }
    int64_t panel = 0;
    if (kPanelTile == 2)
      for (; panel + 2 <= panels; panel += 2) mix_cached<R, 2>(a, s, key, block, panel, rescale);
    for (; panel < panels; ++panel) mix_cached<R, 1>(a, s, key, block, panel, rescale);
  }
  for (int r = 0; r < R; ++r) {
    const F32x16 inverse = splat(1.0f / sum[r]);
    float* out = a.out + (row + r) / a.group * a.out_stride + (row + r) % a.group * a.head_size;
    for (int64_t panel = 0; panel < panels; ++panel)
      store_row(out + panel * kLanes, mul(load(s.sums + (r * panels + panel) * kLanes), inverse),
                a.head_size - panel * kLanes);
  }
}

template <int R>
inline void attend_cached_tile(const CachedHead& a, const CachedScratch& s, int rows, int64_t row) {
  if (rows == R) return attend_cached<R>(a, s, row);
  if constexpr (R > 1) attend_cached_tile<(R + 1) / 2>(a, s, rows, row);
}

void cached_head(const CachedHead& a, int64_t row_begin, int64_t row_end) {
  CachedScratch s;
  s.scores = a.scratch;
  s.sums = s.scores + kMaxRowTile * kScoreStride;
  s.q = s.sums + kMaxRowTile * ((a.head_size + kLanes - 1) / kLanes * kLanes);
  for (int64_t row = row_begin; row < row_end;) {
    const int rows = tile_rows<kRowTile>(row_end - row);
    attend_cached_tile<kRowTile>(a, s, rows, row);
    row += rows;
  }
}
