// The verbs of attention and rotation: check, allocate, call. No arithmetic but the scale.
#include <cmath>

#include "ops/checks.h"
#include "ops/ops.h"

namespace winnow {

Tensor Ops::attention(const Tensor& q, const Tensor& k, const Tensor& v, const Texts& texts) {
  for (const Tensor* x : {&q, &k, &v})
    require(x->rank() == 3 && is_activation(x->dtype()) && x->dtype() == q.dtype(),
            "attention: want q, k and v [H, T, E] of one type, got ", x->shape(), ' ', x->dtype());
  require(q.dim(0) == k.dim(0) && q.dim(2) == k.dim(2) && k.shape() == v.shape(),
          "attention: want q, k and v of the same heads, got ", q.shape(), ", ", k.shape(), ", ",
          v.shape());
  require(q.dim(2) >= 1 && q.dim(2) <= 256, "attention: want heads of 1 to 256, got ", q.dim(2));
  require_starts("attention", texts.q_starts, q.dim(1));
  require_starts("attention", texts.k_starts, k.dim(1));
  require(texts.q_starts.size() == texts.k_starts.size(),
          "attention: want starts for the same texts");
  require(texts.window >= 0, "attention: want a window from 0, got ", texts.window);
  Tensor out = arena_.make({q.dim(1), q.dim(0) * q.dim(2)}, q.dtype());
  call(kernels_.attention, "attention",
       AttentionArgs{.q = view_of(q),
                     .k = view_of(k),
                     .v = view_of(v),
                     .out = out.data(),
                     .type = q.dtype(),
                     .q_starts = texts.q_starts,
                     .k_starts = texts.k_starts,
                     .heads = q.dim(0),
                     .head_size = q.dim(2),
                     .scale = 1.0f / std::sqrt(static_cast<float>(q.dim(2))),
                     .window = texts.window});
  return out;
}

void Ops::check_cached(const Tensor& q, const Tensor& k, const Tensor& v, const KvPages& cache,
                       const CachedTexts& texts) {
  for (const Tensor* x : {&q, &k, &v})
    require(x->rank() == 3 && is_activation(x->dtype()) && x->dtype() == q.dtype(),
            "attention_cached: want q, k and v [H, T, E] of one type, got ", x->shape(), ' ',
            x->dtype());
  require(k.shape() == v.shape() && q.dim(1) == k.dim(1) && q.dim(2) == k.dim(2) &&
              q.dim(0) % k.dim(0) == 0,
          "attention_cached: want query heads in groups over kv heads, got ", q.shape(), ", ",
          k.shape(), ", ", v.shape());
  require(cache.kv_heads == k.dim(0) && cache.head_size == k.dim(2),
          "attention_cached: want a cache of ", k.dim(0), " heads of ", k.dim(2), ", got ",
          cache.kv_heads, " of ", cache.head_size);
  require(q.dim(2) >= 1 && q.dim(2) <= 256, "attention_cached: want heads of 1 to 256, got ",
          q.dim(2));
  require_starts("attention_cached", texts.starts, q.dim(1));
  require(static_cast<int64_t>(texts.positions.size()) == q.dim(1) &&
              texts.table.starts.size() == texts.starts.size(),
          "attention_cached: want a position a token and pages for ", texts.starts.size() - 1,
          " texts");
  for (size_t i = 0; i + 1 < texts.starts.size(); ++i) {
    const int32_t begin = texts.starts[i], end = texts.starts[i + 1];
    const int64_t room = (texts.table.starts[i + 1] - texts.table.starts[i]) * kPageTokens;
    for (int32_t t = begin; t < end; ++t)
      require(texts.positions[t] == texts.positions[begin] + t - begin && texts.positions[t] >= 0 &&
                  texts.positions[t] < room,
              "attention_cached: want positions that follow each other within ", room,
              " places, got ", texts.positions[t]);
  }
  for (const PageCopy& c : texts.table.copies)
    require(c.from >= 0 && c.to >= 0 && c.from != c.to && c.tokens > 0 && c.tokens <= kPageTokens,
            "attention_cached: want copies of 1 to ", kPageTokens, " tokens to another page, got ",
            c.tokens, " of ", c.from, " to ", c.to);
}

Tensor Ops::attention_cached(const Tensor& q, const Tensor& k, const Tensor& v,
                             const KvPages& cache, const CachedTexts& texts) {
  check_cached(q, k, v, cache, texts);
  return attend_cached(q, k, v, cache, texts, /*appended=*/false);
}

Tensor Ops::attend_cached(const Tensor& q, const Tensor& k, const Tensor& v, const KvPages& cache,
                          const CachedTexts& texts, bool appended) {
  Tensor out = arena_.make({q.dim(1), q.dim(0) * q.dim(2)}, q.dtype());
  call(kernels_.cached_attention, "attention_cached",
       CachedAttentionArgs{.q = view_of(q),
                           .k = view_of(k),
                           .v = view_of(v),
                           .out = out.data(),
                           .type = q.dtype(),
                           .starts = texts.starts,
                           .positions = texts.positions,
                           .cache = cache,
                           .table = texts.table,
                           .tokens = q.dim(1),
                           .heads = q.dim(0),
                           .kv_heads = k.dim(0),
                           .head_size = q.dim(2),
                           .scale = 1.0f / std::sqrt(static_cast<float>(q.dim(2))),
                           .appended = appended});
  return out;
}

Tensor Ops::attention_rotated(const Tensor& qkv, const Rotation& rotation, const KvPages& cache,
                              const CachedTexts& texts) {
  require(qkv.rank() == 3 && qkv.dim(0) > 2 * cache.kv_heads && qkv.dim(2) == cache.head_size,
          "attention_rotated: want heads of q, k and v for a cache of ", cache.kv_heads,
          " heads of ", cache.head_size, ", got ", qkv.shape());
  require((rotation.q_norm == nullptr) == (rotation.k_norm == nullptr),
          "attention_rotated: want norms of q and k, or of neither");
  const int64_t all = qkv.dim(0), heads = all - 2 * cache.kv_heads, size = cache.head_size;
  const Tensor v = qkv.slice(heads + cache.kv_heads, all);
  Tensor q = qkv.slice(0, heads), k = qkv.slice(heads, heads + cache.kv_heads);
  const bool fused =
      kernels_.rope_append && kernels_.heads_in_rows && kernels_.can_rope_append(size, qkv.dtype());
  if (!fused) {
    if (rotation.q_norm) {
      q = rms_norm(q, *rotation.q_norm, rotation.eps);
      k = rms_norm(k, *rotation.k_norm, rotation.eps);
    }
    return attention_cached(rope(q, rotation.angles), rope(k, rotation.angles), v, cache, texts);
  }
  check_cached(q, k, v, cache, texts);
  require(rotation.angles.shape() == Shape({qkv.dim(1), size}), "attention_rotated: want angles [",
          qkv.dim(1), ", ", size, "], got ", rotation.angles.shape());
  call(kernels_.rope_append, "rope_append",
       RopeAppendArgs{.qkv = qkv.data(),
                      .row = qkv.row_stride(),
                      .type = qkv.dtype(),
                      .angles = rotation.angles.as<float>(),
                      .q_norm = rotation.q_norm ? rotation.q_norm->data : nullptr,
                      .k_norm = rotation.k_norm ? rotation.k_norm->data : nullptr,
                      .eps = rotation.eps,
                      .starts = texts.starts,
                      .positions = texts.positions,
                      .cache = cache,
                      .table = texts.table,
                      .tokens = qkv.dim(1),
                      .heads = heads,
                      .kv_heads = cache.kv_heads,
                      .head_size = size});
  return attend_cached(q, k, v, cache, texts, /*appended=*/true);
}

Tensor Ops::rope_angles(std::span<const int32_t> positions, std::span<const float> frequencies,
                        float scale) {
  const auto tokens = static_cast<int64_t>(positions.size()),
             count = static_cast<int64_t>(frequencies.size());
  Tensor out = arena_.make({tokens, 2 * count}, DType::f32);
  call(kernels_.rope_angles, "rope_angles",
       RopeAnglesArgs{.positions = positions,
                      .frequencies = frequencies,
                      .out = out.as<float>(),
                      .scale = scale});
  return out;
}

Tensor Ops::rope(const Tensor& x, const Tensor& angles) {
  require(x.rank() == 3 && is_activation(x.dtype()), "rope: want x [H, T, E], got ", x.shape());
  require(angles.shape() == Shape({x.dim(1), x.dim(2)}) && x.dim(2) % 2 == 0,
          "rope: want angles [T, E] with an even E, got ", angles.shape(), " for ", x.shape());
  Tensor out = make_heads(x.shape(), x.dtype());
  call(kernels_.rope, "rope",
       RopeArgs{.x = view_of(x),
                .out = view_of(out),
                .type = x.dtype(),
                .angles = angles.as<float>(),
                .planes = x.dim(0),
                .tokens = x.dim(1),
                .cols = x.dim(2)});
  return out;
}

}  // namespace winnow
