#include "tensor/arena.h"

#include <algorithm>

namespace winnow {
namespace {
constexpr int64_t kAlign = 64;                 // a cache line and the widest vector
constexpr int64_t kSmallestBlock = 1 << 20;
}  // namespace

Tensor Arena::make(const Shape& shape, DType dtype) {
  const int64_t bytes = (shape.elements() * size_of(dtype) + kAlign - 1) / kAlign * kAlign;
  while (block_ < blocks_.size() && used_ + bytes > blocks_[block_].bytes) ++block_, used_ = 0;
  if (block_ == blocks_.size()) {
    const int64_t size = std::max(bytes, kSmallestBlock);
    Block block{std::unique_ptr<std::byte[]>(new std::byte[size + kAlign]), nullptr, size};
    const auto address = reinterpret_cast<uintptr_t>(block.memory.get());
    block.start = block.memory.get() + (kAlign - address % kAlign) % kAlign;
    blocks_.push_back(std::move(block));
    used_ = 0;
  }
  Tensor tensor(blocks_[block_].start + used_, shape, dtype);
  used_ += bytes;
  return tensor;
}

int64_t Arena::reserved_bytes() const {
  int64_t sum = 0;
  for (const Block& block : blocks_) sum += block.bytes;
  return sum;
}

}  // namespace winnow
