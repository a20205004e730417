#include "app/in_order.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

using namespace winnow;

TEST_CASE(
    "answers come in order although the first is the slowest, and never more work runs than asked "
    "for") {
  std::atomic<int> running = 0, most = 0;
  std::vector<size_t> seen;
  in_order(
      20, 3,
      [&](size_t i) {
        const int now = ++running;
        int before = most;
        while (before < now && !most.compare_exchange_weak(before, now)) {
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(i % 3 == 0 ? 5 : 1));
        --running;
        return i * i;
      },
      [&](size_t i, size_t square) {
        CHECK(square == i * i);
        seen.push_back(i);
      },
      [] { FAIL("stopped"); });
  REQUIRE(seen.size() == 20);
  for (size_t i = 0; i < seen.size(); ++i) CHECK(seen[i] == i);
  CHECK(most <= 3);
  CHECK(most >= 2);
}

TEST_CASE(
    "what the work throws reaches the caller after the answers before it, and the rest is told to "
    "stop") {
  int done = 0;
  std::atomic<bool> stopped = false;
  const auto work = [&](size_t i) {
    if (i == 2) throw std::runtime_error("two");
    while (i > 2 && !stopped) std::this_thread::yield();  // hangs unless stop is called first
    return i;
  };
  CHECK_THROWS_WITH(in_order(
                        5, 4, work, [&](size_t, size_t) { ++done; }, [&] { stopped = true; }),
                    "two");
  CHECK(done == 2);
}

TEST_CASE("no work is no answer") {
  in_order(
      0, 4, [](size_t i) { return i; }, [](size_t, size_t) { FAIL("called"); },
      [] { FAIL("stopped"); });
}
