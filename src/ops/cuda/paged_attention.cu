#include "base/error.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/page_copy.h"
#include "ops/cuda/paged_attention.h"
#include "ops/cuda/paged_chunk.cuh"
#include "ops/cuda/paged_plan.h"

namespace winnow::cuda {
namespace {

constexpr float kLog2E = 1.44269504f;
constexpr int kAppendWarps = 4;

// A warp a token: its keys and values of all kv heads into its place of its page. V: what is moved
// at once.
template <typename V>
__global__ void __launch_bounds__(kAppendWarps * 32)
    append_kernel(const __grid_constant__ PagedArgs a, int head_units, int64_t unit_elements) {
  const int token = blockIdx.x * kAppendWarps + threadIdx.x / 32;
  if (token >= a.tokens) return;
  const PagedText text = a.texts[text_at(a, token)];
  const int at = text.past + token - text.first, in_page = at % static_cast<int>(kPageTokens);
  const int64_t page = a.pages[text.page + at / static_cast<int>(kPageTokens)];
  for (int i = threadIdx.x % 32; i < a.kv_heads * head_units; i += 32) {
    const int head = i / head_units, unit = i % head_units;
    const int64_t to = ((page * a.kv_heads + head) * kPageTokens + in_page) * head_units + unit;
    static_cast<V*>(a.k_pages)[to] =
        static_cast<const V*>(a.k)[(head * a.k_plane + token * a.k_row) / unit_elements + unit];
    static_cast<V*>(a.v_pages)[to] =
        static_cast<const V*>(a.v)[(head * a.v_plane + token * a.v_row) / unit_elements + unit];
  }
}

bool on_16_bytes(const HeadsView& x, int64_t unit) {
  return reinterpret_cast<uintptr_t>(x.data) % 16 == 0 && x.plane % unit == 0 && x.row % unit == 0;
}

template <typename V>
void append(const PagedArgs& args, int64_t unit_elements, cudaStream_t queue) {
  const unsigned blocks = (args.tokens + kAppendWarps - 1) / kAppendWarps;
  append_kernel<V><<<blocks, kAppendWarps * 32, 0, queue>>>(
      args, static_cast<int>(args.head_size / unit_elements), unit_elements);
  check_launch("paged_append");
}

PagedArgs args_of(const CachedAttentionArgs& a, const PagedPlan& plan) {
  return {.q = a.q.data,
          .k = a.k.data,
          .v = a.v.data,
          .q_plane = a.q.plane,
          .q_row = a.q.row,
          .k_plane = a.k.plane,
          .k_row = a.k.row,
          .v_plane = a.v.plane,
          .v_row = a.v.row,
          .out = a.out,
          .k_pages = a.cache.k,
          .v_pages = a.cache.v,
          .texts = plan.texts.items,
          .pages = plan.pages,
          .tokens = static_cast<int>(a.tokens),
          .text_count = plan.texts.count,
          .heads = static_cast<int>(a.heads),
          .kv_heads = static_cast<int>(a.kv_heads),
          .group = static_cast<int>(a.heads / a.kv_heads),
          .head_size = static_cast<int>(a.head_size),
          .scale = a.scale * kLog2E};
}

PagedPlan plan_of(const CachedAttentionArgs& a, CudaStream& stream) {
  return plan_paged(
      {a.starts, a.positions, a.table, a.tokens, a.heads, a.kv_heads, a.head_size, a.type}, stream);
}

void append(const CachedAttentionArgs& a, const PagedArgs& args, cudaStream_t queue) {
  const int64_t unit = 16 / size_of(a.type);
  if (a.head_size % unit == 0 && on_16_bytes(a.k, unit) && on_16_bytes(a.v, unit))
    append<uint4>(args, unit, queue);
  else if (a.type == DType::f32)
    append<uint32_t>(args, 1, queue);
  else
    append<uint16_t>(args, 1, queue);
}

void attend(const CachedAttentionArgs& a, const PagedArgs& args, const PagedPlan& plan,
            CudaStream& stream) {
  const cudaStream_t queue = stream.queue();
  if (!on_matrix_units(a.head_size, a.type)) return paged_plain(args, a.type, queue);
  if (!on_16_bytes(a.q, 8) || reinterpret_cast<uintptr_t>(a.out) % 16 != 0)
    fail(Code::kInternal, "cached_attention: want heads on 16 bytes, got rows of ", a.q.row);
  PagedParts parts{nullptr, nullptr, plan.row_room};
  if (plan.slots > 0) {
    const int64_t rows = plan.slots * a.kv_heads * plan.row_room;
    const int64_t row_bytes =
        a.head_size * static_cast<int64_t>(sizeof(float)) + static_cast<int64_t>(sizeof(float2));
    parts.mix = static_cast<float*>(stream.workspace(rows * row_bytes));
    parts.rows = reinterpret_cast<float2*>(parts.mix + rows * a.head_size);
  }
  paged_prefill(args, a.type, 32, plan.tiles128.items, plan.tiles128.count, queue);
  paged_prefill(args, a.type, 16, plan.tiles64.items, plan.tiles64.count, queue);
  paged_decode(args, a.type, plan.runs.items, plan.runs.count, parts, queue);
  paged_fold(args, a.type, plan.splits.items, plan.splits.count, parts, queue);
}

}  // namespace

void cached_attention(const CachedAttentionArgs& a, Stream& stream) {
  if (a.tokens == 0) return;
  const PagedPlan plan = plan_of(a, of(stream));
  const PagedArgs args = args_of(a, plan);
  if (!a.appended) {
    append(a, args, of(stream).queue());
    copy_in_pages(a.cache, a.table, a.type, of(stream));
  }
  attend(a, args, plan, of(stream));
}

}  // namespace winnow::cuda
