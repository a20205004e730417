#include "base/error.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/page_copy.h"
#include "ops/cuda/paged_chunk.cuh"
#include "ops/cuda/paged_plan.h"
#include "ops/cuda/rope_append.h"
#include "ops/cuda/values.cuh"

namespace winnow::cuda {
namespace {

struct RopeAppend {
  void* qkv;
  int64_t row;
  const float *angles, *q_norm, *k_norm;
  float eps;
};

template <typename T>
union Piece {
  uint4 raw;
  T values[kVec<T>];
};

// x * scale * weight, rounded to T.
template <typename T>
__device__ void weigh(Piece<T>& x, float scale, const float* weight) {
#pragma unroll
  for (int i = 0; i < kVec<T>; ++i)
    x.values[i] = narrow<T>(__fmul_rn(__fmul_rn(widen(x.values[i]), scale), weight[i]));
}

// A block a token. A head has half as many threads as it has pieces of 16 bytes: each holds a piece
// of the first half and its partner of the second. Norms add their squares as rms_norm does: a
// piece from its left, then the pieces' sums by halves.
template <typename T>
__global__ void rope_append_kernel(const __grid_constant__ RopeAppend a,
                                   const __grid_constant__ PagedArgs pages) {
  const int size = pages.head_size, half = size / 2, threads = half / kVec<T>;
  const int token = blockIdx.x, count = (pages.heads + 2 * pages.kv_heads) * threads;
  const float* angles = a.angles + static_cast<int64_t>(token) * size;
  for (int unit = threadIdx.x; unit < (count + 31) / 32 * 32; unit += blockDim.x) {
    const bool has = unit < count;  // the others only keep their warp whole
    const int head = has ? unit / threads : 0, c = unit % threads * kVec<T>;
    T* const from = static_cast<T*>(a.qkv) + token * a.row + static_cast<int64_t>(head) * size + c;
    Piece<T> lo, hi;
    lo.raw = *reinterpret_cast<const uint4*>(from);
    hi.raw = *reinterpret_cast<const uint4*>(from + half);
    if (a.q_norm) {
      float low = 0.0f, high = 0.0f;
#pragma unroll
      for (int i = 0; i < kVec<T>; ++i) {
        low = __fmaf_rn(widen(lo.values[i]), widen(lo.values[i]), low);
        high = __fmaf_rn(widen(hi.values[i]), widen(hi.values[i]), high);
      }
      float squares = __fadd_rn(low, high);
      for (int step = threads / 2; step > 0; step /= 2)
        squares = __fadd_rn(squares, __shfl_xor_sync(~0u, squares, step));
      const float mean = __fdiv_rn(squares, static_cast<float>(size));
      const float scale = __fdiv_rn(1.0f, __fsqrt_rn(__fadd_rn(mean, a.eps)));
      if (head < pages.heads + pages.kv_heads) {
        const float* weight = (head < pages.heads ? a.q_norm : a.k_norm) + c;
        weigh(lo, scale, weight);
        weigh(hi, scale, weight + half);
      }
    }
    if (!has) continue;
    if (head < pages.heads + pages.kv_heads) {
#pragma unroll
      for (int i = 0; i < kVec<T>; ++i) {
        const float cosine = angles[c + i], sine = angles[half + c + i];
        const float x = widen(lo.values[i]), y = widen(hi.values[i]);
        lo.values[i] = narrow<T>(__fmaf_rn(-y, sine, __fmul_rn(x, cosine)));
        hi.values[i] = narrow<T>(__fmaf_rn(x, sine, __fmul_rn(y, cosine)));
      }
    }
    T* to = from;
    if (head >= pages.heads) {
      const bool key = head < pages.heads + pages.kv_heads;
      const PagedText text = pages.texts[text_at(pages, token)];
      const int at = text.past + token - text.first;
      const int64_t page = pages.pages[text.page + at / static_cast<int>(kPageTokens)];
      const int kv_head = head - pages.heads - (key ? 0 : pages.kv_heads);
      to = static_cast<T*>(key ? pages.k_pages : pages.v_pages) +
           ((page * pages.kv_heads + kv_head) * kPageTokens + at % static_cast<int>(kPageTokens)) *
               size +
           c;
    }
    *reinterpret_cast<uint4*>(to) = lo.raw;
    *reinterpret_cast<uint4*>(to + half) = hi.raw;
  }
}

}  // namespace

bool can_rope_append(int64_t head_size, DType type) {
  const int64_t pieces = head_size * size_of(type) / 16;
  return head_size * size_of(type) % 16 == 0 && (pieces == 8 || pieces == 16 || pieces == 32);
}

void rope_append(const RopeAppendArgs& a, Stream& stream) {
  if (a.tokens == 0) return;
  if (!can_rope_append(a.head_size, a.type) || reinterpret_cast<uintptr_t>(a.qkv) % 16 != 0 ||
      a.row * size_of(a.type) % 16 != 0)
    fail(Code::kInternal, "rope_append: want heads of 128, 256 or 512 bytes on 16, got ",
         a.head_size, " elements in rows of ", a.row);
  CudaStream& s = of(stream);
  const PagedPlan plan = plan_paged(
      {a.starts, a.positions, a.table, a.tokens, a.heads, a.kv_heads, a.head_size, a.type}, s);
  PagedArgs pages{};
  pages.texts = plan.texts.items, pages.text_count = plan.texts.count, pages.pages = plan.pages;
  pages.k_pages = a.cache.k, pages.v_pages = a.cache.v;
  pages.tokens = static_cast<int>(a.tokens);
  pages.heads = static_cast<int>(a.heads), pages.kv_heads = static_cast<int>(a.kv_heads);
  pages.head_size = static_cast<int>(a.head_size);
  const RopeAppend args{a.qkv, a.row, a.angles, a.q_norm, a.k_norm, a.eps};
  const int64_t units = (a.heads + 2 * a.kv_heads) * a.head_size * size_of(a.type) / 32;
  const auto threads = static_cast<unsigned>(std::min<int64_t>(512, (units + 31) / 32 * 32));
  const auto tokens = static_cast<unsigned>(a.tokens);
  if (a.type == DType::f32)
    rope_append_kernel<float><<<tokens, threads, 0, s.queue()>>>(args, pages);
  else if (a.type == DType::f16)
    rope_append_kernel<__half><<<tokens, threads, 0, s.queue()>>>(args, pages);
  else
    rope_append_kernel<__nv_bfloat16><<<tokens, threads, 0, s.queue()>>>(args, pages);
  check_launch("rope_append");
  copy_in_pages(a.cache, a.table, a.type, s);
}

}  // namespace winnow::cuda
