#include "ops/cuda/page_copy.h"
#include "ops/cuda/values.cuh"

namespace winnow::cuda {
namespace {

constexpr int kThreads = 128;

// A block a copy, a kv head, and keys or values: a head's tokens of a page follow each other. V:
// what is moved at once, token_units of which make a token.
template <typename V>
__global__ void __launch_bounds__(kThreads)
    page_copy_kernel(const PageCopy* copies, V* k_pages, V* v_pages, int token_units) {
  const PageCopy copy = copies[blockIdx.x];
  V* const pages = blockIdx.z == 0 ? k_pages : v_pages;
  const int64_t page = static_cast<int64_t>(kPageTokens) * token_units;
  const V* const from = pages + (static_cast<int64_t>(copy.from) * gridDim.y + blockIdx.y) * page;
  V* const to = pages + (static_cast<int64_t>(copy.to) * gridDim.y + blockIdx.y) * page;
  for (int i = threadIdx.x; i < copy.tokens * token_units; i += kThreads) to[i] = from[i];
}

template <typename V>
void launch(const KvPages& cache, std::span<const PageCopy> copies, int64_t token_bytes,
            CudaStream& stream) {
  const dim3 grid(static_cast<unsigned>(copies.size()), static_cast<unsigned>(cache.kv_heads), 2);
  page_copy_kernel<V><<<grid, kThreads, 0, stream.queue()>>>(
      stream.upload(copies), static_cast<V*>(cache.k), static_cast<V*>(cache.v),
      static_cast<int>(token_bytes / static_cast<int64_t>(sizeof(V))));
  check_launch("page_copy");
}

}  // namespace

void copy_in_pages(const KvPages& cache, const PageTable& table, DType type, CudaStream& stream) {
  if (table.copies.empty()) return;
  const int64_t token_bytes = cache.head_size * size_of(type);
  if (token_bytes % 16 == 0)
    launch<uint4>(cache, table.copies, token_bytes, stream);
  else
    launch<uint16_t>(cache, table.copies, token_bytes, stream);
}

}  // namespace winnow::cuda
