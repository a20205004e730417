#include "base/thread_pool.h"

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace winnow {

namespace {

// How long a thread looks for the next loop before it sleeps. A forward pass is a hundred loops a
// few dozen microseconds apart, and waking a sleeper takes as long as that.
constexpr int kLooks = 2000;

template <typename Ready>
bool look_for(Ready ready) {
  for (int i = 0; i < kLooks; ++i) {
    if (ready()) return true;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return ready();
}

}  // namespace

// A round is one run. Helpers enter it while it is open and leave when no task is left; the caller
// closes it when it finds no task itself, and waits only for those inside. So a helper that the
// system has not woken in time costs nothing.
struct ThreadPool::Shared {
  static constexpr uint64_t kOpen = uint64_t{1} << 31, kInside = kOpen - 1,
                            kRound = uint64_t{1} << 32;
  std::mutex mutex;
  std::condition_variable wake, done;
  std::atomic<uint64_t> gate{0};  // the round's number, whether it is open, how many are inside;
                                  // opened under the mutex
  std::atomic<bool> stop{false};  // changed under the mutex
  const std::function<void(int64_t, int)>* body = nullptr;  // these two belong to the round
  int64_t tasks = 0;
  std::atomic<int64_t> next{0};
  std::vector<std::thread> helpers;

  void work(int worker) {
    for (int64_t task; (task = next.fetch_add(1, std::memory_order_relaxed)) < tasks;)
      (*body)(task, worker);
  }

  // Counts this thread in unless the round is over.
  bool enter(uint64_t now) {
    const uint64_t round = now / kRound;
    while (now / kRound == round && (now & kOpen))
      if (gate.compare_exchange_weak(now, now + 1)) return true;
    return false;
  }

  void help(int worker) {
    uint64_t seen = 0;
    const auto called = [&] { return stop || gate / kRound != seen; };
    for (;;) {
      if (!look_for(called)) {
        std::unique_lock lock(mutex);
        wake.wait(lock, called);
      }
      if (stop) return;
      const uint64_t now = gate;
      seen = now / kRound;
      if (!enter(now)) continue;
      work(worker);
      if ((--gate & (kOpen | kInside)) == 0) {  // closed, and the last one out
        std::lock_guard lock(mutex);  // or the caller could miss it between its look and its sleep
        done.notify_one();
      }
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
  Shared& s = *shared_;
  {
    std::lock_guard lock(s.mutex);
    s.body = &body;
    s.tasks = tasks;
    s.next = 0;
    s.gate = (s.gate / Shared::kRound + 1) * Shared::kRound + Shared::kOpen;
  }
  s.wake.notify_all();
  s.work(0);
  s.gate &= ~Shared::kOpen;
  const auto finished = [&] { return (s.gate & Shared::kInside) == 0; };
  if (look_for(finished)) return;
  std::unique_lock lock(s.mutex);
  s.done.wait(lock, finished);
}

int usable_cpus() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace winnow
