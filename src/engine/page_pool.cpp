#include "engine/page_pool.h"

#include <algorithm>

#include "base/error.h"

namespace winnow {

PagePool::PagePool(int64_t pages) : pages_(pages), available_(pages) {
  for (int64_t i = pages; i > 0; --i) free_.push_back(static_cast<int32_t>(i - 1));
}

PagePool::Tokens PagePool::tokens_at(std::span<const int32_t> ids, int64_t page) {
  Tokens tokens;
  std::copy_n(ids.begin() + page * kPageTokens, kPageTokens, tokens.begin());
  return tokens;
}

// The longest unused page without owners and without published pages behind it. There is one
// wherever a page has no owner: who owns a page owns those before it, so the last of a branch has
// none either.
int32_t PagePool::reclaim() {
  int32_t oldest = -1;
  for (int32_t i = 0; i < size(); ++i)
    if (const Page& p = pages_[i]; p.published && p.owners == 0 && p.children == 0)
      if (oldest < 0 || p.last_used < pages_[oldest].last_used) oldest = i;
  require(oldest >= 0, "PagePool: no page to reclaim");
  Page& page = pages_[oldest];
  tree_.erase({page.parent, page.tokens});
  if (page.parent >= 0) --pages_[page.parent].children;
  page.published = false;
  --published_;
  return oldest;
}

std::vector<int32_t> PagePool::take(int64_t count) {
  require(count <= available_, "PagePool: want at most ", available_, " pages, got ", count);
  std::vector<int32_t> out;
  for (int64_t i = 0; i < count; ++i) {
    int32_t page;
    if (!free_.empty()) {
      page = free_.back();
      free_.pop_back();
    } else {
      page = reclaim();
    }
    pages_[page].owners = 1;
    --available_;
    out.push_back(page);
  }
  return out;
}

void PagePool::keep(std::span<const int32_t> pages) {
  for (const int32_t page : pages)
    if (pages_[page].owners++ == 0) --available_;
}

void PagePool::release(std::span<const int32_t> pages) {
  for (const int32_t page : pages) {
    Page& p = pages_[page];
    require(p.owners > 0, "PagePool: page ", page, " has no owner");
    if (--p.owners > 0) continue;
    ++available_;
    p.last_used = ++clock_;
    if (!p.published) free_.push_back(page);
  }
}

std::vector<int32_t> PagePool::find(std::span<const int32_t> ids) {
  std::vector<int32_t> out;
  int32_t parent = -1;
  for (int64_t i = 0; (i + 1) * kPageTokens <= static_cast<int64_t>(ids.size()); ++i) {
    const auto found = tree_.find({parent, tokens_at(ids, i)});
    if (found == tree_.end()) break;
    out.push_back(parent = found->second);
  }
  keep(out);
  return out;
}

void PagePool::publish(std::span<const int32_t> ids, std::span<const int32_t> pages) {
  int32_t parent = -1;
  for (int64_t i = 0; (i + 1) * kPageTokens <= static_cast<int64_t>(ids.size()); ++i) {
    const auto [at, added] = tree_.try_emplace({parent, tokens_at(ids, i)}, pages[i]);
    if (added) {
      Page& page = pages_[pages[i]];
      // A page behind another's twin: the twin's owner may go first, so the branch ends here.
      if (page.published || (parent >= 0 && parent != pages[i - 1])) {
        tree_.erase(at);
        return;
      }
      page.published = true;
      page.parent = parent;
      page.tokens = at->first.second;
      page.children = 0;
      if (parent >= 0) ++pages_[parent].children;
      ++published_;
    }
    parent = at->second;
  }
}

}  // namespace winnow
