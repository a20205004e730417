#include "tensor/arena.h"

#include <algorithm>
#include <cstring>

namespace winnow {
namespace {
constexpr int64_t kAlign = 64;  // a cache line and the widest vector
constexpr int64_t kSmallestBlock = 1 << 20;
}  // namespace

Tensor Arena::make(const Shape& shape, DType dtype) {
  const int64_t bytes = (shape.elements() * size_of(dtype) + kAlign - 1) / kAlign * kAlign;
  while (block_ < blocks_.size() && used_ + bytes > blocks_[block_].bytes) ++block_, used_ = 0;
  if (block_ == blocks_.size()) {
    add_block(std::max(bytes, kSmallestBlock));
    used_ = 0;
  }
  Tensor tensor(blocks_[block_].start + used_, shape, dtype);
  used_ += bytes;
  return tensor;
}

void Arena::add_block(int64_t bytes) {
  Block block{std::unique_ptr<std::byte[]>(new std::byte[bytes + kAlign]), nullptr, bytes};
  const auto address = reinterpret_cast<uintptr_t>(block.memory.get());
  block.start = block.memory.get() + (kAlign - address % kAlign) % kAlign;
  blocks_.push_back(std::move(block));
}

Tensor Arena::retain(Mark mark, const Tensor& last) {
  require(last.row_stride() == last.cols(), "retain: want a dense tensor, got ", last.shape(),
          " with stride ", last.row_stride());
  block_ = mark.block, used_ = mark.used;
  Tensor kept = make(last.shape(), last.dtype());
  std::memmove(kept.data(), last.data(), last.shape().elements() * size_of(last.dtype()));
  return kept;
}

void Arena::reset() {
  if (blocks_.size() > 1) {
    const int64_t bytes = reserved_bytes();
    blocks_.clear();
    add_block(bytes);
  }
  block_ = 0, used_ = 0;
}

int64_t Arena::reserved_bytes() const {
  int64_t sum = 0;
  for (const Block& block : blocks_) sum += block.bytes;
  return sum;
}

}  // namespace winnow
