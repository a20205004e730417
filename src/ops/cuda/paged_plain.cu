#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/paged_chunk.cuh"
#include "ops/cuda/values.cuh"

namespace winnow::cuda {
namespace {

constexpr int kWarps = 4, kMostHead = 256;

// A warp a query. Keys page by page from position 0, a lane each; then values, a lane for every
// 32nd column. What a query does not see is not read.
template <typename T>
__global__ void __launch_bounds__(kWarps * 32) plain_kernel(const __grid_constant__ PagedArgs a) {
  __shared__ float queries[kWarps][kMostHead];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, size = a.head_size;
  const int64_t query = static_cast<int64_t>(blockIdx.x) * kWarps + warp;
  if (query >= static_cast<int64_t>(a.tokens) * a.heads) return;
  const int token = static_cast<int>(query / a.heads), head = static_cast<int>(query % a.heads);
  const PagedText text = a.texts[text_at(a, token)];
  const int seen = text.past + token - text.first + 1;
  float* q = queries[warp];
  for (int c = lane; c < size; c += 32)
    q[c] = widen(static_cast<const T*>(a.q)[head * a.q_plane + token * a.q_row + c]);
  __syncwarp();
  float out[kMostHead / 32] = {}, max = -INFINITY, sum = 0.0f;
  constexpr int kPage = static_cast<int>(kPageTokens);
  for (int key = 0; key < seen; key += kPage) {
    const int64_t page =
        (static_cast<int64_t>(a.pages[text.page + key / kPage]) * a.kv_heads + head / a.group) *
        kPage * size;
    const int count = min(kPage, seen - key);
    float score = -INFINITY;
    if (lane < count) {
      const T* k = static_cast<const T*>(a.k_pages) + page + lane * size;
      score = 0.0f;
      for (int c = 0; c < size; ++c) score = fmaf(q[c], widen(k[c]), score);
    }
    float most = score;
    for (int step = 16; step > 0; step /= 2) most = fmaxf(most, __shfl_xor_sync(~0u, most, step));
    most = fmaxf(most, max);
    const float rescale = exp2f((max - most) * a.scale), p = exp2f((score - most) * a.scale);
    max = most;
    float total = p;
    for (int step = 16; step > 0; step /= 2) total += __shfl_xor_sync(~0u, total, step);
    sum = fmaf(sum, rescale, total);
#pragma unroll
    for (int i = 0; i < kMostHead / 32; ++i) out[i] *= rescale;
    const T* v = static_cast<const T*>(a.v_pages) + page;
    for (int j = 0; j < count; ++j, v += size) {
      const float weight = __shfl_sync(~0u, p, j);
#pragma unroll
      for (int i = 0; i < kMostHead / 32; ++i)
        if (i * 32 + lane < size) out[i] = fmaf(weight, widen(v[i * 32 + lane]), out[i]);
    }
  }
#pragma unroll
  for (int i = 0; i < kMostHead / 32; ++i)
    if (i * 32 + lane < size)
      static_cast<T*>(a.out)[query * size + i * 32 + lane] = narrow<T>(out[i] / sum);
}

}  // namespace

void paged_plain(const PagedArgs& args, DType type, cudaStream_t queue) {
  const int64_t queries = static_cast<int64_t>(args.tokens) * args.heads;
  const auto blocks = static_cast<unsigned>((queries + kWarps - 1) / kWarps);
  if (type == DType::f32)
    plain_kernel<float><<<blocks, kWarps * 32, 0, queue>>>(args);
  else if (type == DType::f16)
    plain_kernel<__half><<<blocks, kWarps * 32, 0, queue>>>(args);
  else
    plain_kernel<__nv_bfloat16><<<blocks, kWarps * 32, 0, queue>>>(args);
  check_launch("paged_plain");
}

}  // namespace winnow::cuda
