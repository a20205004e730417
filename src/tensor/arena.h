// Memory for one forward pass: tensors are cut from it and given back together. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/memory.h"
#include "tensor/tensor.h"

namespace winnow {

class Arena {
 public:
  explicit Arena(Memory& memory = host_memory()) : memory_(memory) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // A tensor of undefined content, 256-byte aligned, alive until the arena gives back what was made
  // since a mark before it. Throws as Memory::allocate.
  Tensor make(const Shape& shape, DType dtype);

  // A moment to come back to.
  struct Mark {
    int64_t made = 0;
  };
  Mark mark() const { return {made_}; }

  // Gives back everything made since the mark but the tensor `last`, which stays where it is: what
  // a layer returns outlives what it needed on the way. No copy, so a device need not wait.
  Tensor retain(Mark mark, const Tensor& last);

  // Gives back everything. Memory is kept as one block of the largest pass so far, so the same pass
  // gets the same addresses and asks the system for nothing.
  void reset();

  int64_t reserved_bytes() const;

 private:
  struct Block {
    std::byte* start;
    int64_t bytes;
  };
  struct Piece {  // what is in use
    std::byte* start;
    int64_t bytes, number;
  };
  std::byte* find_room(int64_t bytes);

  Memory& memory_;
  std::vector<Block> blocks_;
  std::vector<Piece> pieces_;  // by address within a block, blocks one after the other
  int64_t made_ = 0;
};

}  // namespace winnow
