// Keys and values of earlier tokens, in pages: what a decoder reads instead of computing a text's
// beginning again. Who owns which page is the engine's business (engine/page_pool.h); this is the
// memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace winnow {

struct Kernels;

constexpr int64_t kPageTokens = 32;  // two panels of keys

// One layer's pages. Page p of kv head h begins at ((p * kv_heads) + h) * page bytes; what lies in
// it is the device's business:
//   the CPU's, f32: keys a panel for each 16 tokens, [2][head_size][16]: what a score reads in one
//   stream; values [32][head size rounded up to 16]
//   CUDA's, in the type of activations: keys and values [32][head_size]
struct KvPages {
  void *k, *v;
  int64_t kv_heads, head_size;

  // Of a page's keys, or its values, for one head on the CPU.
  static int64_t page_floats(int64_t head_size) {
    return kPageTokens * ((head_size + 15) / 16 * 16);
  }
};

// Memory for `pages` pages of every layer. It is asked of the device at once; a system touches it
// page by page as it is written. Not thread-safe: one executor's.
class KvCache {
 public:
  KvCache(const Kernels& kernels, int64_t layers, int64_t kv_heads, int64_t head_size,
          int64_t pages);

  KvPages layer(int64_t i) const;  // i below layers()
  int64_t layers() const { return layers_; }
  int64_t pages() const { return pages_; }

  // Bytes of one page over all layers, keys and values.
  static int64_t page_bytes(const Kernels& kernels, int64_t layers, int64_t kv_heads,
                            int64_t head_size);

 private:
  int64_t layers_, kv_heads_, head_size_, pages_;
  int64_t side_bytes_;  // a layer's keys, or its values, of one page
  std::shared_ptr<void> memory_;
};

// The first `tokens` of page `to` are those of page `from`: a text goes on where another's page is
// part full.
struct PageCopy {
  int32_t from, to, tokens;
};

// Where each text's keys and values lie: the pages of text i are pages[starts[i]..starts[i + 1]),
// those of its tokens [0, 32), [32, 64), ...
struct PageTable {
  std::span<const int32_t> pages;
  std::span<const int32_t> starts;  // [B + 1]
  // Done in each layer once the batch's new tokens are in their pages, and before any is read: what
  // is copied may be computed in the same pass. No page is both copied and copied to.
  std::span<const PageCopy> copies = {};
};

}  // namespace winnow
