// A generation that says what a test wrote, when the test lets it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "engine/generation.h"

namespace winnow::test {

// The test's end: thread-safe.
struct Script {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<std::optional<Delta>()>> steps;  // may throw
  GenerateUsage told{.prompt_tokens = 5, .cached_tokens = 2, .new_tokens = 3};
  std::atomic<bool> destroyed = false;

  void add(std::function<std::optional<Delta>()> step) {
    std::lock_guard lock(mutex);
    steps.push_back(std::move(step));
    changed.notify_all();
  }
  void say(std::string text, int choice = 0) {
    Delta delta{.choice = choice, .text = std::move(text), .reports = {}, .finish = {}};
    add([delta] { return std::optional(delta); });
  }
  void finish(Finish how = Finish::kStop, int choice = 0) {
    Delta delta{.choice = choice, .text = "", .reports = {}, .finish = how};
    add([delta] { return std::optional(delta); });
  }
  void end() {
    add([] { return std::optional<Delta>(); });
  }
};

class FakeGeneration final : public Generation {
 public:
  explicit FakeGeneration(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  ~FakeGeneration() override { script_->destroyed = true; }

  std::optional<Delta> next() override {
    std::unique_lock lock(script_->mutex);
    script_->changed.wait(lock, [&] { return !script_->steps.empty(); });
    const auto step = std::move(script_->steps.front());
    script_->steps.pop_front();
    lock.unlock();
    return step();
  }
  bool wait_for(double seconds) override {
    std::unique_lock lock(script_->mutex);
    return script_->changed.wait_for(lock, std::chrono::duration<double>(seconds),
                                     [&] { return !script_->steps.empty(); });
  }
  GenerateUsage usage() const override { return script_->told; }

 private:
  std::shared_ptr<Script> script_;
};

}  // namespace winnow::test
