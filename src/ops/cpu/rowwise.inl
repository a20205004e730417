// Kernels that work row by row: embedding sums, layer norm, quantisation, GELU. Included by
// isa_*.cpp after simd.h.

inline F32x16 activate(F32x16 x, Act act) {
  switch (act) {
    case Act::kGelu:
      return gelu(x);
    case Act::kSilu:
      return silu(x);
    case Act::kGeluTanh:
      return gelu_tanh(x);
    case Act::kRelu:
      return max(x, zero());
    case Act::kNone:
      break;
  }
  return x;
}

// Calls body(column, lanes) over the columns, 16 at a time; the last may have fewer lanes.
template <typename Body>
inline void for_columns(int64_t cols, Body body) {
  int64_t c = 0;
  for (; c + kLanes <= cols; c += kLanes) body(c, kLanes);
  if (c < cols) body(c, static_cast<int>(cols - c));
}
inline F32x16 load_lanes(const float* p, int lanes) {
  return lanes == kLanes ? load(p) : load(p, lanes);
}
inline void store_lanes(float* p, F32x16 a, int lanes) {
  if (lanes == kLanes)
    store(p, a);
  else
    store(p, a, lanes);
}

void add_layer_norm(const AddLayerNorm& a, int64_t row_begin, int64_t row_end) {
  const float count = static_cast<float>(a.cols);
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float* x = a.x + row * a.cols;
    const float* residual = a.residual ? a.residual + row * a.cols : nullptr;
    float* out = a.out + row * a.cols;
    F32x16 total = zero();
    for_columns(a.cols, [&](int64_t c, int lanes) {
      F32x16 v = load_lanes(x + c, lanes);
      if (residual) v = add(v, load_lanes(residual + c, lanes));
      store_lanes(out + c, v, lanes);
      total = add(total, v);
    });
    const F32x16 mean = splat(sum_lanes(total) / count);
    F32x16 squares = zero();
    for_columns(a.cols, [&](int64_t c, int lanes) {
      F32x16 d = sub(load_lanes(out + c, lanes), mean);
      if (lanes < kLanes) {  // lanes past the row's end hold 0 - mean: drop them
        alignas(64) float kept[kLanes] = {};
        store(kept, d, lanes);
        d = load(kept);
      }
      squares = fma(d, d, squares);
    });
    const F32x16 scale = splat(1.0f / __builtin_sqrtf(sum_lanes(squares) / count + a.eps));
    for_columns(a.cols, [&](int64_t c, int lanes) {
      const F32x16 d = mul(sub(load_lanes(out + c, lanes), mean), scale);
      store_lanes(out + c, fma(d, load_lanes(a.weight + c, lanes), load_lanes(a.bias + c, lanes)),
                  lanes);
    });
  }
}

inline F32x16 load_table(const EmbedTable& t, int64_t at, int lanes) {
  if (!t.u8) return load_lanes(static_cast<const float*>(t.rows) + at, lanes);
  const uint8_t* p = static_cast<const uint8_t*>(t.rows) + at;
  if (lanes == kLanes) return mul(load_u8(p, t.zero), splat(t.scale));
  uint8_t kept[kLanes] = {};
  for (int i = 0; i < lanes; ++i) kept[i] = p[i];
  return mul(load_u8(kept, t.zero), splat(t.scale));
}

void embed_sum(const EmbedSum& a, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row)
    for_columns(a.cols, [&](int64_t c, int lanes) {
      F32x16 sum = load_table(a.tables[0], a.indices[0][row] * a.cols + c, lanes);
      for (int t = 1; t < a.count; ++t)
        sum = add(sum, load_table(a.tables[t], a.indices[t][row] * a.cols + c, lanes));
      store_lanes(a.out + row * a.cols + c, sum, lanes);
    });
}

struct ZeroPoint {
  float scale;
  int32_t zero;
};

// One row to [0, 255], as LinearI8 says; q is padded with zeros to `padded` values.
inline ZeroPoint quantize_row(const float* x, int64_t cols, uint8_t* q, int64_t padded) {
  F32x16 low = zero(), high = zero();
  for_columns(cols, [&](int64_t c, int lanes) {
    const F32x16 v = load_lanes(x + c, lanes);
    low = min(low, v);
    high = max(high, v);
  });
  const float least = min_lanes(low), range = max_lanes(high) - least;
  const float scale = range > 0.0f ? range / 255.0f : 1.0f;
  const float inverse = 1.0f / scale;
  const float zero_point = __builtin_rintf(-least * inverse);
  const F32x16 z = splat(zero_point), s = splat(inverse), top = splat(255.0f);
  for_columns(cols, [&](int64_t c, int lanes) {
    const F32x16 v = min(max(add(round(mul(load_lanes(x + c, lanes), s)), z), zero()), top);
    if (lanes == kLanes) return store_u8(q + c, v);
    uint8_t kept[kLanes];
    store_u8(kept, v);
    for (int i = 0; i < lanes; ++i) q[c + i] = kept[i];
  });
  for (int64_t c = cols; c < padded; ++c) q[c] = 0;
  return {scale, static_cast<int32_t>(zero_point)};
}

void gelu_range(const float* x, float* out, int64_t count) {
  for_columns(count, [&](int64_t c, int lanes) {
    store_lanes(out + c, gelu(load_lanes(x + c, lanes)), lanes);
  });
}

void rms_norm(const RmsNorm& a, int64_t row_begin, int64_t row_end) {
  const float count = static_cast<float>(a.cols);
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float* x = a.x + row * a.cols;
    float* out = a.out + row * a.cols;
    F32x16 squares = zero();
    for_columns(a.cols, [&](int64_t c, int lanes) {
      const F32x16 v = load_lanes(x + c, lanes);
      squares = fma(v, v, squares);
    });
    const F32x16 scale = splat(1.0f / __builtin_sqrtf(sum_lanes(squares) / count + a.eps));
    for_columns(a.cols, [&](int64_t c, int lanes) {
      const F32x16 v = mul(load_lanes(x + c, lanes), scale);
      store_lanes(out + c, mul(v, load_lanes(a.weight + c, lanes)), lanes);
    });
  }
}

void rope(const Rope& a, int64_t row_begin, int64_t row_end) {
  const int64_t half = a.cols / 2;
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float* x = a.x + row * a.cols;
    const float* cosine = a.angles + row % a.tokens * a.cols;
    float* out = a.out + row * a.cols;
    for_columns(half, [&](int64_t c, int lanes) {
      const F32x16 lo = load_lanes(x + c, lanes), hi = load_lanes(x + half + c, lanes);
      const F32x16 cos = load_lanes(cosine + c, lanes), sin = load_lanes(cosine + half + c, lanes);
      store_lanes(out + c, fnma(hi, sin, mul(lo, cos)), lanes);
      store_lanes(out + half + c, fma(lo, sin, mul(hi, cos)), lanes);
    });
  }
}

void gated(const Gated& a, int64_t row_begin, int64_t row_end) {
  for (int64_t row = row_begin; row < row_end; ++row) {
    const float* gate = a.x + row * 2 * a.cols;
    for_columns(a.cols, [&](int64_t c, int lanes) {
      const F32x16 g = load_lanes(gate + c, lanes);
      store_lanes(a.out + row * a.cols + c,
                  mul(activate(g, a.act), load_lanes(gate + a.cols + c, lanes)), lanes);
    });
  }
}

void add_range(const float* x, const float* y, float* out, int64_t count) {
  for_columns(count, [&](int64_t c, int lanes) {
    store_lanes(out + c, add(load_lanes(x + c, lanes), load_lanes(y + c, lanes)), lanes);
  });
}
