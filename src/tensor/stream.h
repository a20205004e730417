// Where kernels run: on the CPU, a pool of threads and each thread's scratch memory; a device's own
// kind holds its queue beside them. One forward pass at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "base/thread_pool.h"

namespace winnow {

class Stream {
 public:
  explicit Stream(ThreadPool& pool) : pool_(pool), scratch_(pool.threads()) {}
  virtual ~Stream() = default;

  ThreadPool& pool() const { return pool_; }

  // At least `bytes` of memory for one worker, 64-byte aligned, kept until a larger wish.
  void* scratch(int worker, int64_t bytes);

 private:
  struct Scratch {
    std::unique_ptr<std::byte[]> memory;
    int64_t bytes = 0;
  };
  ThreadPool& pool_;
  std::vector<Scratch> scratch_;
};

}  // namespace winnow
