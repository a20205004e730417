// Memory for one forward pass: tensors are cut from it in order and all given back at once. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tensor/tensor.h"

namespace winnow {

class Arena {
 public:
  // A tensor of undefined content, 64-byte aligned, alive until the arena rewinds to before it.
  Tensor make(const Shape& shape, DType dtype);

  // A place to come back to: everything made after mark() is given back by rewind(mark). Blocks are kept, so the same
  // pass gets the same addresses and asks the system for nothing.
  struct Mark {
    size_t block = 0;
    int64_t used = 0;
  };
  Mark mark() const { return {block_, used_}; }
  void rewind(Mark mark) { block_ = mark.block, used_ = mark.used; }
  void reset() { rewind({}); }

  int64_t reserved_bytes() const;

 private:
  struct Block {
    std::unique_ptr<std::byte[]> memory;
    std::byte* start;  // aligned
    int64_t bytes;
  };
  std::vector<Block> blocks_;
  size_t block_ = 0;
  int64_t used_ = 0;  // of the current block
};

}  // namespace winnow
