// Threads for work that blocks. As many as there is work at once; idle ones are kept for the next.
#pragma once

#include <functional>
#include <memory>

namespace winnow {

// Thread-safe. Unbounded: who gives it work counts it.
class Workers {
 public:
  Workers();
  ~Workers();  // waits for the jobs in hand
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Runs the job on a thread that has nothing else to do. A job must not throw. Throws kOverloaded
  // when the system has no thread left.
  void run(std::function<void()> job);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace winnow
