#include <algorithm>
#include <vector>

#include "base/error.h"
#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/paged_attention.h"
#include "ops/cuda/paged_kernels.h"

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

// What a pass computes where. It depends on the batch, the bits do not.
struct Plan {
  std::vector<PagedText> texts;
  std::vector<PagedTile> small_tiles, large_tiles;  // of 64 and of 128 rows
  std::vector<PagedRun> runs;
  std::vector<PagedSplit> splits;
  int slots = 0, row_room = 8;

  void clear() {
    texts.clear(), small_tiles.clear(), large_tiles.clear(), runs.clear(), splits.clear();
    slots = 0, row_room = 8;
  }
};

int chunks_of(const PagedText& text) { return (text.length() - 1) / kChunk + 1; }

// The texts of few rows: whole where the batch alone fills the GPU, else in runs of chunks so that
// there are about two blocks a processor.
void plan_decode(const PagedArgs& args, int processors, Plan& plan) {
  int64_t chunks = 0;
  for (const PagedText& text : plan.texts)
    if (text.count * args.group <= kDecodeRows) chunks += chunks_of(text);
  const auto run = static_cast<int>(
      std::max<int64_t>(2, chunks * args.kv_heads / (2 * static_cast<int64_t>(processors))));
  for (size_t i = 0; i < plan.texts.size(); ++i) {
    const PagedText& text = plan.texts[i];
    const int rows = text.count * args.group, all = chunks_of(text), index = static_cast<int>(i);
    if (rows > kDecodeRows) continue;
    if (rows > 8) plan.row_room = kDecodeRows;
    if (all <= 2 * run) {
      plan.runs.push_back({index, 0, all, -1});
      continue;
    }
    for (int first = 0; first < all; first += run)
      plan.runs.push_back({index, first, std::min(all, first + run), plan.slots + first});
    plan.splits.push_back({index, plan.slots, all, rows});
    plan.slots += all;
  }
  std::stable_sort(plan.runs.begin(), plan.runs.end(), [](const PagedRun& a, const PagedRun& b) {
    return a.end - a.first > b.end - b.first;
  });
}

// The others: tiles of rows, those that see most keys first.
void plan_prefill(const PagedArgs& args, Plan& plan) {
  for (size_t i = 0; i < plan.texts.size(); ++i) {
    const PagedText& text = plan.texts[i];
    const int rows = text.count * args.group, step = rows <= 64 ? 64 : 128;
    if (rows <= kDecodeRows) continue;
    auto& tiles = step == 64 ? plan.small_tiles : plan.large_tiles;
    for (int row = 0; row < rows; row += step) tiles.push_back({static_cast<int>(i), row});
  }
  for (auto* tiles : {&plan.small_tiles, &plan.large_tiles}) {
    const int step = tiles == &plan.small_tiles ? 64 : 128;
    const auto keys = [&](const PagedTile& t) {
      const PagedText& text = plan.texts[t.text];
      return (text.past + std::min(text.count, (t.row + step - 1) / args.group + 1) - 1) / kChunk;
    };
    std::stable_sort(tiles->begin(), tiles->end(),
                     [&](const PagedTile& a, const PagedTile& b) { return keys(a) > keys(b); });
  }
}

// Arrays in one upload: every layer of a pass asks for the same bytes, and only the first copies.
class Packer {
 public:
  Packer() { words_.clear(); }
  template <typename T>
  size_t add(std::span<const T> values) {
    const size_t at = words_.size(), count = values.size_bytes() / sizeof(int32_t);
    words_.resize(at + count);
    if (count > 0) std::memcpy(words_.data() + at, values.data(), values.size_bytes());
    return at;
  }
  const int32_t* upload(CudaStream& stream) const {
    return stream.upload(std::span<const int32_t>(words_));
  }

 private:
  static thread_local std::vector<int32_t> words_;
};
thread_local std::vector<int32_t> Packer::words_;

void attend(const CachedAttentionArgs& a, PagedArgs args, CudaStream& stream) {
  static thread_local Plan plan;
  plan.clear();
  for (size_t i = 0; i + 1 < a.starts.size(); ++i)
    if (a.starts[i + 1] > a.starts[i])
      plan.texts.push_back({a.starts[i], a.starts[i + 1] - a.starts[i], a.positions[a.starts[i]],
                            a.table.starts[i]});
  args.text_count = static_cast<int>(plan.texts.size());
  const int64_t unit = 16 / size_of(a.type);
  const bool aligned = on_16_bytes(a.k, unit) && on_16_bytes(a.v, unit);
  const bool matrix = a.type != DType::f32 && (a.head_size == 64 || a.head_size == 128);
  if (matrix) {
    if (!aligned || !on_16_bytes(a.q, unit))
      fail(Code::kInternal, "cached_attention: want heads on 16 bytes");
    plan_decode(args, stream.gpu().processors, plan);
    plan_prefill(args, plan);
  }
  Packer packer;
  const size_t texts = packer.add(std::span<const PagedText>(plan.texts)),
               small = packer.add(std::span<const PagedTile>(plan.small_tiles)),
               large = packer.add(std::span<const PagedTile>(plan.large_tiles)),
               runs = packer.add(std::span<const PagedRun>(plan.runs)),
               splits = packer.add(std::span<const PagedSplit>(plan.splits)),
               pages = packer.add(a.table.pages);
  const int32_t* words = packer.upload(stream);
  args.texts = reinterpret_cast<const PagedText*>(words + texts);
  args.pages = words + pages;

  const cudaStream_t queue = stream.queue();
  if (aligned && a.head_size % unit == 0)
    append<uint4>(args, unit, queue);
  else if (a.type == DType::f32)
    append<uint32_t>(args, 1, queue);
  else
    append<uint16_t>(args, 1, queue);
  if (!matrix) return paged_plain(args, a.type, queue);

  PagedParts parts{nullptr, nullptr, plan.row_room};
  if (plan.slots > 0) {
    const int64_t rows = static_cast<int64_t>(plan.slots) * args.kv_heads * plan.row_room;
    parts.mix = static_cast<float*>(
        stream.workspace(rows * (a.head_size * static_cast<int64_t>(sizeof(float)) +
                                 static_cast<int64_t>(sizeof(float2)))));
    parts.rows = reinterpret_cast<float2*>(parts.mix + rows * a.head_size);
  }
  paged_prefill(args, a.type, 32, reinterpret_cast<const PagedTile*>(words + large),
                static_cast<int>(plan.large_tiles.size()), queue);
  paged_prefill(args, a.type, 16, reinterpret_cast<const PagedTile*>(words + small),
                static_cast<int>(plan.small_tiles.size()), queue);
  paged_decode(args, a.type, reinterpret_cast<const PagedRun*>(words + runs),
               static_cast<int>(plan.runs.size()), parts, queue);
  paged_fold(args, a.type, reinterpret_cast<const PagedSplit*>(words + splits),
             static_cast<int>(plan.splits.size()), parts, queue);
}

}  // namespace

void cached_attention(const CachedAttentionArgs& a, Stream& stream) {
  if (a.tokens == 0) return;
  attend(a,
         {.q = a.q.data,
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
          .texts = nullptr,
          .pages = nullptr,
          .tokens = static_cast<int>(a.tokens),
          .text_count = 0,
          .heads = static_cast<int>(a.heads),
          .kv_heads = static_cast<int>(a.kv_heads),
          .group = static_cast<int>(a.heads / a.kv_heads),
          .head_size = static_cast<int>(a.head_size),
          .scale = a.scale * kLog2E},
         of(stream));
}

}  // namespace winnow::cuda
