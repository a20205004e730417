#include "ops/kv_cache.h"

#include "base/error.h"
#include "ops/kernels.h"

namespace winnow {

int64_t KvCache::page_bytes(const Kernels& kernels, int64_t layers, int64_t kv_heads,
                            int64_t head_size) {
  return layers * 2 * kv_heads * kernels.page_bytes(head_size);
}

KvCache::KvCache(const Kernels& kernels, int64_t layers, int64_t kv_heads, int64_t head_size,
                 int64_t pages)
    : layers_(layers), kv_heads_(kv_heads), head_size_(head_size), pages_(pages), side_bytes_(0) {
  require(layers > 0 && kv_heads > 0 && head_size > 0 && pages > 0,
          "KvCache: want layers, heads and pages, got ", layers, " layers of ", kv_heads,
          " heads of ", head_size, ", ", pages, " pages");
  side_bytes_ = kv_heads * kernels.page_bytes(head_size);
  memory_ = {kernels.memory->allocate(pages * page_bytes(kernels, layers, kv_heads, head_size)),
             [memory = kernels.memory](void* p) { memory->release(p); }};
}

KvPages KvCache::layer(int64_t i) const {
  const int64_t all = pages_ * side_bytes_;
  std::byte* k = static_cast<std::byte*>(memory_.get()) + 2 * i * all;
  return {k, k + all, kv_heads_, head_size_};
}

}  // namespace winnow
