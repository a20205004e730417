#include "engine/page_pool.h"

#include <doctest/doctest.h>

#include <numeric>

#include "base/error.h"

using namespace winnow;

namespace {

std::vector<int32_t> text(int64_t pages, int32_t first = 0) {
  std::vector<int32_t> ids(pages * kPageTokens);
  std::iota(ids.begin(), ids.end(), first);
  return ids;
}

}  // namespace

TEST_CASE("a published beginning is found by whole pages, and costs no memory once it is free") {
  PagePool pool(8);
  const std::vector<int32_t> ids = text(3);
  const std::vector<int32_t> pages = pool.take(3);
  pool.publish(ids, pages);
  pool.release(pages);
  CHECK(pool.available() == 8);
  CHECK(pool.published() == 3);

  std::vector<int32_t> longer = ids;
  longer.resize(ids.size() + 40, 7);
  CHECK(pool.find(longer) == pages);
  CHECK(pool.available() == 5);
  pool.release(pages);
  std::vector<int32_t> other = ids;
  other[40] = 9999;  // in the second page
  CHECK(pool.find(other) == std::vector<int32_t>{pages[0]});
  CHECK(pool.find(std::span(ids).first(31)).empty());
}

TEST_CASE("published pages give way to new text, ends of branches and the longest unused first") {
  PagePool pool(4);
  const std::vector<int32_t> a = text(2), b = text(2, 1000);
  const std::vector<int32_t> pa = pool.take(2);
  pool.publish(a, pa);
  pool.release(pa);
  const std::vector<int32_t> pb = pool.take(2);
  pool.publish(b, pb);
  pool.release(pb);
  pool.release(pool.find(a));  // used later than b
  const std::vector<int32_t> fresh = pool.take(1);
  CHECK(fresh[0] == pb[1]);
  CHECK(pool.find(b) == std::vector<int32_t>{pb[0]});
  CHECK(pool.find(a) == pa);
  CHECK(pool.available() == 0);
  CHECK_THROWS_AS(pool.take(1), Error);
}

TEST_CASE("twins of published pages are not published twice, and stay reclaimable") {
  PagePool pool(6);
  const std::vector<int32_t> ids = text(2);
  const std::vector<int32_t> first = pool.take(1), second = pool.take(2);
  pool.publish(std::span(ids).first(kPageTokens), first);
  pool.publish(ids, second);  // its first page has a twin in the tree already
  CHECK(pool.published() == 1);
  pool.release(first);
  pool.release(second);
  CHECK(pool.available() == 6);
  CHECK(pool.take(6).size() == 6);
}
