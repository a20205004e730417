#include <algorithm>
#include <array>
#include <numeric>
#include <utility>
#include <vector>

#include "base/error.h"
#include "ops/cuda/attention.h"
#include "ops/cuda/attention_tiles.h"
#include "ops/cuda/cuda_stream.h"

namespace winnow::cuda {
namespace {

struct TileList {
  int height = 0;
  std::vector<int32_t> q_starts, k_starts;
  std::vector<AttentionTile> tiles;

  bool is_of(std::span<const int32_t> q, std::span<const int32_t> k, int tile_height) const {
    return height == tile_height && std::ranges::equal(q_starts, q) &&
           std::ranges::equal(k_starts, k);
  }
};

std::vector<AttentionTile> list_tiles(std::span<const int32_t> q_starts,
                                      std::span<const int32_t> k_starts, int height) {
  const int texts = static_cast<int>(q_starts.size()) - 1;
  std::vector<int> order(std::max(texts, 0));
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, std::greater<>(),
                           [&](int i) { return k_starts[i + 1] - k_starts[i]; });
  std::vector<AttentionTile> tiles;
  for (const int text : order) {
    const int queries = q_starts[text + 1] - q_starts[text];
    for (int place = 0; place < queries; place += height)
      tiles.push_back({q_starts[text] + place, std::min(height, queries - place), place,
                       k_starts[text], k_starts[text + 1] - k_starts[text]});
  }
  tiles.push_back({});
  return tiles;
}

int most_queries(std::span<const int32_t> q_starts) {
  int most = 0;
  for (size_t i = 1; i < q_starts.size(); ++i) most = std::max(most, q_starts[i] - q_starts[i - 1]);
  return most;
}

}  // namespace

std::span<const AttentionTile> attention_tiles(std::span<const int32_t> q_starts,
                                               std::span<const int32_t> k_starts, int height) {
  thread_local std::array<TileList, 4> lists;
  thread_local size_t next = 0;
  for (const TileList& list : lists)
    if (list.is_of(q_starts, k_starts, height)) return list.tiles;
  TileList& list = lists[next++ % lists.size()];
  list = {height,
          {q_starts.begin(), q_starts.end()},
          {k_starts.begin(), k_starts.end()},
          list_tiles(q_starts, k_starts, height)};
  return list.tiles;
}

void attention(const AttentionArgs& args, Stream& stream) {
  if (args.head_size < 1 || args.head_size > 256)
    fail(Code::kUnsupported, "attention: want a head size of 1 to 256, got ", args.head_size);
  CudaStream& gpu = of(stream);
  // Either kernel gives the same bits: mma.sync and wgmma add alike (attention_test.cpp sees to
  // it). For the one query a text of a pooled last layer a warp is enough, if there are many: that
  // only reads keys.
  const int processors = gpu.gpu().processors;
  const auto texts = static_cast<int64_t>(args.q_starts.size()) - 1;
  const bool few = most_queries(args.q_starts) <= 16;
  const bool wgmma = gpu.gpu().hopper() && fits_attention_wgmma(args) &&
                     !(few && texts * args.heads >= 4 * processors);
  const int height = wgmma ? attention_wgmma_height(args.head_size) : few ? 16 : 64;
  const std::span<const AttentionTile> tiles =
      attention_tiles(args.q_starts, args.k_starts, height);
  const auto count = static_cast<int64_t>(tiles.size()) - 1;
  if (count == 0) return;
  const AttentionTile* list = gpu.upload(tiles);
  if (wgmma)
    attention_wgmma(args, list, count, processors, gpu.queue());
  else if (fits_attention_mma(args))
    attention_mma(args, list, count, height, gpu.queue());
  else
    attention_plain(args, list, count, height, gpu.queue());
}

}  // namespace winnow::cuda
