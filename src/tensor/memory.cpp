#include "tensor/memory.h"

#include <cstdlib>
#include <cstring>

#include "base/error.h"

namespace winnow {
namespace {

constexpr int64_t kAlign = 256;

class HostMemory final : public Memory {
 public:
  void* allocate(int64_t bytes) override {
    void* memory = std::aligned_alloc(kAlign, (bytes + kAlign) / kAlign * kAlign);
    if (!memory) fail(Code::kIo, "the system does not give ", bytes, " bytes of memory");
    return memory;
  }
  void release(void* memory) noexcept override { std::free(memory); }
  void write(void* to, const void* from, int64_t bytes) override { std::memcpy(to, from, bytes); }
  void read(void* to, const void* from, int64_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
  bool is_host() const override { return true; }
};

}  // namespace

Memory& host_memory() {
  static HostMemory memory;
  return memory;
}

}  // namespace winnow
