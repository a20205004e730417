// Who owns which page of a KvCache, and which pages hold text that may come again. Not thread-safe:
// the scheduler's.
//
// A page in use has owners. A full page that was published also stands in a tree by the tokens it
// holds and all those before it; without owners it stays there until its place is needed, the
// longest unused first. So memory is never idle, and what comes again is not computed again.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "ops/kv_cache.h"

namespace winnow {

class PagePool {
 public:
  explicit PagePool(int64_t pages);

  int64_t size() const { return static_cast<int64_t>(pages_.size()); }
  int64_t available() const { return available_; }  // free, or published and without an owner
  int64_t published() const { return published_; }

  // Pages with one owner each and undefined content. Wants available() >= count.
  std::vector<int32_t> take(int64_t count);

  // One owner more, one less.
  void keep(std::span<const int32_t> pages);
  void release(std::span<const int32_t> pages);

  // The published pages that hold the longest beginning of ids, whole pages only; each has one
  // owner more.
  std::vector<int32_t> find(std::span<const int32_t> ids);

  // Publishes pages, owned by the caller, that hold ids' whole pages, as far as others do not hold
  // the same already.
  void publish(std::span<const int32_t> ids, std::span<const int32_t> pages);

 private:
  using Tokens = std::array<int32_t, kPageTokens>;
  struct Page {
    int32_t owners = 0;
    bool published = false;
    int32_t parent = -1;   // the page before it in the tree; -1: it begins a text
    int32_t children = 0;  // published pages behind it
    uint64_t last_used = 0;
    Tokens tokens{};
  };
  // Children by their parent and tokens. Exact, so no two texts can be mistaken for each other.
  using Key = std::pair<int32_t, Tokens>;

  int32_t reclaim();
  static Tokens tokens_at(std::span<const int32_t> ids, int64_t page);

  std::vector<Page> pages_;
  std::vector<int32_t> free_;
  std::map<Key, int32_t> tree_;
  int64_t available_, published_ = 0;
  uint64_t clock_ = 0;
};

}  // namespace winnow
