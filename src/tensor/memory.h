// A device's memory: where arenas, parameters and caches lie.
#pragma once

#include <cstdint>

namespace winnow {

class Memory {
 public:
  virtual ~Memory() = default;

  // Undefined content, aligned for every kernel (256 bytes). Throws kIo naming the size when there
  // is no such room.
  virtual void* allocate(int64_t bytes) = 0;
  virtual void release(void* memory) noexcept = 0;

  // Between this memory and the process's own; done when they return.
  virtual void write(void* to, const void* from, int64_t bytes) = 0;
  virtual void read(void* to, const void* from, int64_t bytes) const = 0;

  virtual bool is_host() const = 0;  // the process can read it as it lies
};

// The process's own.
Memory& host_memory();

}  // namespace winnow
