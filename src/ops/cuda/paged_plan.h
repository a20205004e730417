// Which kernel of paged attention computes which part of a batch. The plan depends on the batch and
// the GPU; the bits do not depend on the plan.
#pragma once

#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/paged_kernels.h"

namespace winnow::cuda {

struct PagedBatch {
  std::span<const int32_t> starts, positions;
  PageTable table;
  int64_t tokens, heads, kv_heads, head_size;
  DType type;
};

// Arrays in the GPU's memory, with their lengths; valid for the pass.
template <typename T>
struct Planned {
  const T* items = nullptr;
  int count = 0;
};
struct PagedPlan {
  Planned<PagedText> texts;  // those with new tokens
  const int32_t* pages = nullptr;
  Planned<PagedTile> tiles64, tiles128;
  Planned<PagedRun> runs;
  Planned<PagedSplit> splits;
  int slots = 0, row_room = 8;  // of PagedParts
};

// Whether heads run on matrix units.
bool on_matrix_units(int64_t head_size, DType type);

// One upload: a layer that asks for the same batch again finds its bytes on the GPU.
PagedPlan plan_paged(const PagedBatch& batch, CudaStream& stream);

}  // namespace winnow::cuda
