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

}  // namespace winnow::cpu
