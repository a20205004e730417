#include "http/workers.h"

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <thread>

namespace winnow {
namespace {

TEST_CASE("every job has a thread of its own, however many there are at once") {
  constexpr int kJobs = 16;
  std::latch all_run(kJobs);  // a job that waited for another's thread would wait for ever
  std::mutex mutex;
  std::set<std::thread::id> threads;
  {
    Workers workers;
    for (int i = 0; i < kJobs; ++i)
      workers.run([&] {
        all_run.arrive_and_wait();
        std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      });
  }
  CHECK(threads.size() == kJobs);
}

TEST_CASE("an idle thread takes the next job") {
  std::mutex mutex;
  std::set<std::thread::id> threads;
  Workers workers;
  for (int i = 0; i < 50; ++i) {
    std::latch done(1);
    workers.run([&] {
      {
        std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      }
      done.count_down();
    });
    done.wait();
  }
  // A thread is idle a moment after its job is done, so now and then there is one more.
  CHECK(threads.size() < 25);
}

TEST_CASE("the end waits for the jobs in hand and runs the waiting ones") {
  std::atomic<int> done = 0;
  {
    Workers workers;
    for (int i = 0; i < 8; ++i)
      workers.run([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        ++done;
      });
  }
  CHECK(done == 8);
}

}  // namespace
}  // namespace winnow
