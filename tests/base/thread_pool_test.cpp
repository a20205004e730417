#include "base/thread_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

using namespace winnow;

TEST_CASE("each task runs once, whatever the number of threads") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const int64_t tasks : {0, 1, 3, 1000}) {
      std::vector<std::atomic<int>> seen(tasks);
      pool.run(tasks, [&](int64_t task, int worker) {
        ++seen[task];
        if (worker < 0 || worker >= threads) seen[task] = 100;
      });
      for (const auto& count : seen) REQUIRE(count == 1);
    }
  }
}

TEST_CASE("short loops follow each other at once or after a pause, and none loses a task") {
  for (const int threads : {2, 4}) {
    ThreadPool pool(threads);
    int64_t wrong = 0;
    for (int loop = 0; loop < 5000; ++loop) {
      std::vector<int> seen(loop % 7, 0);  // not atomic: the caller sees what the helpers wrote
      pool.run(static_cast<int64_t>(seen.size()), [&](int64_t task, int) { ++seen[task]; });
      for (const int count : seen) wrong += count != 1;
      if (loop % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    CHECK(wrong == 0);
  }
}
