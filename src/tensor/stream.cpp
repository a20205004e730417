#include "tensor/stream.h"

namespace winnow {

void* Stream::scratch(int worker, int64_t bytes) {
  constexpr int64_t kAlign = 64;
  Scratch& s = scratch_[worker];
  if (s.bytes < bytes) {
    s.memory.reset(new std::byte[bytes + kAlign]);
    s.bytes = bytes;
  }
  const auto address = reinterpret_cast<uintptr_t>(s.memory.get());
  return s.memory.get() + (kAlign - address % kAlign) % kAlign;
}

}  // namespace winnow
