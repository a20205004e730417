#include "http/workers.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "base/error.h"

namespace winnow {

struct Workers::Parts {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> jobs;  // never more than idle threads
  std::vector<std::thread> threads;
  size_t idle = 0;
  bool stop = false;

  void loop() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [&] { return stop || !jobs.empty(); });
      if (jobs.empty()) return;
      std::function<void()> job = std::move(jobs.front());
      jobs.pop_front();
      --idle;
      lock.unlock();
      job();
      job = nullptr;  // what it holds goes before the next wait
      lock.lock();
      ++idle;
    }
  }
};

Workers::Workers() : parts_(new Parts) {}

Workers::~Workers() {
  {
    std::lock_guard lock(parts_->mutex);
    parts_->stop = true;
  }
  parts_->wake.notify_all();
  for (std::thread& thread : parts_->threads) thread.join();
}

void Workers::run(std::function<void()> job) {
  std::lock_guard lock(parts_->mutex);
  if (parts_->idle <= parts_->jobs.size()) {
    try {
      parts_->threads.emplace_back([parts = parts_.get()] { parts->loop(); });
    } catch (const std::system_error& error) {
      fail(Code::kOverloaded, "no thread for the request: ", error.what());
    }
    ++parts_->idle;
  }
  parts_->jobs.push_back(std::move(job));
  parts_->wake.notify_one();
}

}  // namespace winnow
