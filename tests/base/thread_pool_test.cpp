#include "base/thread_pool.h"

#include <doctest/doctest.h>

#include <atomic>
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
