// Memory for one forward pass: tensors are cut from it in order and all given back at once. Not
// thread-safe.
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

  // A place to come back to.
  struct Mark {
    size_t block = 0;
    int64_t used = 0;
  };
  Mark mark() const { return {block_, used_}; }

  // Gives back everything made after the mark but one dense tensor, which is moved there: what a
  // layer returns outlives what it needed on the way.
  Tensor retain(Mark mark, const Tensor& last);

  // Gives back everything. Memory is kept as one block of the largest pass so far, so the same pass
  // gets the same addresses and asks the system for nothing.
  void reset();

  int64_t reserved_bytes() const;

 private:
  void add_block(int64_t bytes);

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
