// A fixed set of threads that share loops. The thread that calls takes part, so a pool of 1 starts
// none.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

namespace winnow {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // at least 1, the caller included
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Calls body(task, worker) once for each task in [0, tasks), in any order, on any worker in [0,
  // threads()), and returns when all are done. One caller at a time; the body must not throw or
  // call run.
  void run(int64_t tasks, const std::function<void(int64_t task, int worker)>& body);

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

// The number of CPUs this process may run on (its affinity mask, not the machine's count).
int usable_cpus();

}  // namespace winnow
