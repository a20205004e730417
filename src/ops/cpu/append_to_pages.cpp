#include "ops/cpu/append_to_pages.h"

#include <algorithm>

namespace winnow::cpu {

void append_to_pages(const CachedAttentionArgs& a, int64_t text) {
  const int64_t size = a.head_size, width = (size + 15) / 16 * 16,
                page_floats = KvPages::page_floats(size);
  const int32_t* pages = a.table.pages.data() + a.table.starts[text];
  for (int64_t t = a.starts[text]; t < a.starts[text + 1]; ++t) {
    const int64_t at = a.positions[t], in_page = at % kPageTokens;
    for (int64_t head = 0; head < a.kv_heads; ++head) {
      const int64_t page = (pages[at / kPageTokens] * a.kv_heads + head) * page_floats;
      const float* k = static_cast<const float*>(a.k.data) + head * a.k.plane + t * a.k.row;
      const float* v = static_cast<const float*>(a.v.data) + head * a.v.plane + t * a.v.row;
      float* panel =
          static_cast<float*>(a.cache.k) + page + in_page / 16 * 16 * size + in_page % 16;
      for (int64_t c = 0; c < size; ++c) panel[c * 16] = k[c];
      std::copy_n(v, size, static_cast<float*>(a.cache.v) + page + in_page * width);
    }
  }
}

void copy_in_pages(const CachedAttentionArgs& a, const PageCopy& copy) {
  const int64_t size = a.head_size, width = (size + 15) / 16 * 16,
                page_floats = KvPages::page_floats(size);
  for (int64_t head = 0; head < a.kv_heads; ++head) {
    const int64_t from = (copy.from * a.kv_heads + head) * page_floats,
                  to = (copy.to * a.kv_heads + head) * page_floats;
    auto* k = static_cast<float*>(a.cache.k);
    auto* v = static_cast<float*>(a.cache.v);
    for (int64_t panel = 0; panel * 16 < copy.tokens; ++panel) {
      const int64_t tokens = std::min<int64_t>(copy.tokens - panel * 16, 16);
      for (int64_t c = panel * size; c < (panel + 1) * size; ++c)
        std::copy_n(k + from + c * 16, tokens, k + to + c * 16);
    }
    std::copy_n(v + from, copy.tokens * width, v + to);
  }
}

}  // namespace winnow::cpu
