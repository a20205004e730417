#include "ops/kv_cache.h"

#include <sys/mman.h>

#include <cstring>

#include "base/error.h"

namespace winnow {

int64_t KvCache::page_bytes(int64_t layers, int64_t kv_heads, int64_t head_size) {
  return layers * 2 * kv_heads * KvPages::page_floats(head_size) *
         static_cast<int64_t>(sizeof(float));
}

void KvCache::Unmap::operator()(float* memory) const { ::munmap(memory, bytes); }

KvCache::KvCache(int64_t layers, int64_t kv_heads, int64_t head_size, int64_t pages)
    : layers_(layers), kv_heads_(kv_heads), head_size_(head_size), pages_(pages) {
  require(layers > 0 && kv_heads > 0 && head_size > 0 && pages > 0,
          "KvCache: want layers, heads and pages, got ", layers, " layers of ", kv_heads,
          " heads of ", head_size, ", ", pages, " pages");
  const int64_t bytes = pages * page_bytes(layers, kv_heads, head_size);
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    fail(Code::kIo, "KvCache: the system does not give ", bytes, " bytes of memory");
  memory_ = {static_cast<float*>(memory), Unmap{bytes}};
}

KvPages KvCache::layer(int64_t i) const {
  const int64_t all = pages_ * kv_heads_ * KvPages::page_floats(head_size_);
  float* k = memory_.get() + 2 * i * all;
  return {k, k + all, kv_heads_, head_size_};
}

void KvCache::copy_page(int32_t from, int32_t to) {
  const int64_t floats = kv_heads_ * KvPages::page_floats(head_size_);
  for (int64_t i = 0; i < layers_; ++i) {
    const KvPages p = layer(i);
    for (float* side : {p.k, p.v})
      std::memcpy(side + to * floats, side + from * floats, floats * sizeof(float));
  }
}

}  // namespace winnow
