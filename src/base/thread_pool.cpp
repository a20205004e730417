#include "base/thread_pool.h"

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace winnow {

struct ThreadPool::Shared {
  std::mutex mutex;
  std::condition_variable wake, done;
  uint64_t round = 0;  // guarded by mutex; each run is one round
  int busy = 0;        // guarded by mutex; helpers still inside the round
  bool stop = false;   // guarded by mutex
  const std::function<void(int64_t, int)>* body = nullptr;
  int64_t tasks = 0;
  std::atomic<int64_t> next{0};
  std::vector<std::thread> helpers;

  void work(int worker) {
    for (int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;)
      (*body)(task, worker);
  }

  void help(int worker) {
    uint64_t seen = 0;
    for (;;) {
      {
        std::unique_lock lock(mutex);
        wake.wait(lock, [&] { return stop || round != seen; });
        if (stop) return;
        seen = round;
      }
      work(worker);
      std::lock_guard lock(mutex);
      if (--busy == 0) done.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : shared_(std::make_unique<Shared>()) {
  for (int i = 1; i < threads; ++i) shared_->helpers.emplace_back([this, i] { shared_->help(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
  }
  shared_->wake.notify_all();
  for (std::thread& helper : shared_->helpers) helper.join();
}

int ThreadPool::threads() const { return static_cast<int>(shared_->helpers.size()) + 1; }

void ThreadPool::run(int64_t tasks, const std::function<void(int64_t, int)>& body) {
  if (tasks <= 0) return;
  if (shared_->helpers.empty() || tasks == 1) {
    for (int64_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
  {
    std::lock_guard lock(shared_->mutex);
    shared_->body = &body;
    shared_->tasks = tasks;
    shared_->next.store(0, std::memory_order_relaxed);
    shared_->busy = static_cast<int>(shared_->helpers.size());
    ++shared_->round;
  }
  shared_->wake.notify_all();
  shared_->work(0);
  std::unique_lock lock(shared_->mutex);
  shared_->done.wait(lock, [&] { return shared_->busy == 0; });
}

int usable_cpus() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace winnow
