#include "tensor/arena.h"

#include <algorithm>

namespace winnow {
namespace {
constexpr int64_t kAlign = 256;  // the widest vector, a line of every cache, a bulk copy's unit
constexpr int64_t kSmallestBlock = 1 << 20;

bool within(const std::byte* p, const std::byte* start, int64_t bytes) {
  return p >= start && p < start + bytes;
}
}  // namespace

Arena::~Arena() {
  for (const Block& block : blocks_) memory_.release(block.start);
}

// The first gap that is large enough, so that equal passes get equal addresses.
std::byte* Arena::find_room(int64_t bytes) {
  auto piece = pieces_.begin();
  const auto take = [&](std::byte* at) {
    pieces_.insert(piece, {at, bytes, made_++});
    return at;
  };
  for (const Block& block : blocks_) {
    std::byte* at = block.start;
    for (; piece != pieces_.end() && within(piece->start, block.start, block.bytes); ++piece) {
      if (piece->start - at >= bytes) return take(at);
      at = piece->start + piece->bytes;
    }
    if (block.start + block.bytes - at >= bytes) return take(at);
  }
  const int64_t size = std::max(bytes, kSmallestBlock);
  blocks_.push_back({static_cast<std::byte*>(memory_.allocate(size)), size});
  return take(blocks_.back().start);
}

Tensor Arena::make(const Shape& shape, DType dtype) {
  const int64_t bytes = shape.elements() * size_of(dtype);
  return Tensor(find_room(std::max(kAlign, (bytes + kAlign - 1) / kAlign * kAlign)), shape, dtype);
}

Tensor Arena::retain(Mark mark, const Tensor& last) {
  const auto holds = [](const Piece& piece, const void* p) {
    return within(static_cast<const std::byte*>(p), piece.start, piece.bytes);
  };
  std::erase_if(pieces_, [&](const Piece& piece) {
    return piece.number >= mark.made && !holds(piece, last.data()) &&
           !holds(piece, last.eighths().values) && !holds(piece, last.eighths().scales);
  });
  return last;
}

void Arena::reset() {
  pieces_.clear();
  made_ = 0;
  if (blocks_.size() <= 1) return;
  const int64_t bytes = reserved_bytes();
  for (const Block& block : blocks_) memory_.release(block.start);
  blocks_.clear();
  blocks_.push_back({static_cast<std::byte*>(memory_.allocate(bytes)), bytes});
}

int64_t Arena::reserved_bytes() const {
  int64_t sum = 0;
  for (const Block& block : blocks_) sum += block.bytes;
  return sum;
}

}  // namespace winnow
