#include "ops/cuda/paged_plan.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace winnow::cuda {
namespace {

// Kept from call to call for its memory.
struct Lists {
  std::vector<PagedText> texts;
  std::vector<PagedTile> tiles64, tiles128;
  std::vector<PagedRun> runs;
  std::vector<PagedSplit> splits;
  std::vector<int32_t> words;
  int slots = 0, row_room = 8;

  void clear() {
    texts.clear(), tiles64.clear(), tiles128.clear(), runs.clear(), splits.clear(), words.clear();
    slots = 0, row_room = 8;
  }
};

int chunks_of(const PagedText& text) { return (text.length() - 1) / kChunk + 1; }

// The texts of few rows: whole where the batch alone fills the GPU, else in runs of chunks so that
// there are about two blocks a processor.
void plan_decode(int group, int64_t kv_heads, int processors, Lists& lists) {
  int64_t chunks = 0;
  for (const PagedText& text : lists.texts)
    if (text.count * group <= kDecodeRows) chunks += chunks_of(text);
  const auto run = static_cast<int>(
      std::max<int64_t>(2, chunks * kv_heads / (2 * static_cast<int64_t>(processors))));
  for (size_t i = 0; i < lists.texts.size(); ++i) {
    const PagedText& text = lists.texts[i];
    const int rows = text.count * group, all = chunks_of(text), index = static_cast<int>(i);
    if (rows > kDecodeRows) continue;
    if (rows > 8) lists.row_room = kDecodeRows;
    if (all <= 2 * run) {
      lists.runs.push_back({text, 0, all, -1});
      continue;
    }
    for (int first = 0; first < all; first += run)
      lists.runs.push_back({text, first, std::min(all, first + run), lists.slots + first});
    lists.splits.push_back({index, lists.slots, all, rows});
    lists.slots += all;
  }
  std::stable_sort(lists.runs.begin(), lists.runs.end(), [](const PagedRun& a, const PagedRun& b) {
    return a.end - a.first > b.end - b.first;
  });
}

// The others: tiles of rows, those that see most keys first. Tiles of 128 read keys half as often,
// tiles of 64 fill a GPU that would else be empty.
void plan_prefill(int group, int64_t kv_heads, int processors, Lists& lists) {
  int64_t rows_in_all = 0;
  for (const PagedText& text : lists.texts)
    if (text.count * group > kDecodeRows) rows_in_all += text.count * group;
  const int most = rows_in_all * kv_heads <= 2 * 128 * static_cast<int64_t>(processors) ? 64 : 128;
  for (const PagedText& text : lists.texts) {
    const int rows = text.count * group, step = rows <= 64 ? 64 : most;
    if (rows <= kDecodeRows) continue;
    auto& tiles = step == 64 ? lists.tiles64 : lists.tiles128;
    for (int row = 0; row < rows; row += step) tiles.push_back({text, row});
  }
  for (auto* tiles : {&lists.tiles64, &lists.tiles128}) {
    const int step = tiles == &lists.tiles64 ? 64 : 128;
    const auto chunks = [&](const PagedTile& t) {
      const int last = std::min(t.row + step, t.text.count * group) - 1;
      return (t.text.past + last / group) / kChunk;
    };
    std::stable_sort(tiles->begin(), tiles->end(),
                     [&](const PagedTile& a, const PagedTile& b) { return chunks(a) > chunks(b); });
  }
}

// Where in `words` the values went.
template <typename T>
size_t add(std::vector<int32_t>& words, std::span<const T> values) {
  const size_t at = words.size();
  words.resize(at + values.size_bytes() / sizeof(int32_t));
  if (!values.empty()) std::memcpy(words.data() + at, values.data(), values.size_bytes());
  return at;
}

template <typename T>
Planned<T> placed(const int32_t* words, size_t at, const std::vector<T>& values) {
  return {reinterpret_cast<const T*>(words + at), static_cast<int>(values.size())};
}

}  // namespace

bool on_matrix_units(int64_t head_size, DType type) {
  return type != DType::f32 && (head_size == 64 || head_size == 128);
}

PagedPlan plan_paged(const PagedBatch& b, CudaStream& stream) {
  static thread_local Lists lists;
  lists.clear();
  for (size_t i = 0; i + 1 < b.starts.size(); ++i)
    if (b.starts[i + 1] > b.starts[i])
      lists.texts.push_back({b.starts[i], b.starts[i + 1] - b.starts[i], b.positions[b.starts[i]],
                             b.table.starts[i]});
  if (on_matrix_units(b.head_size, b.type)) {
    const auto group = static_cast<int>(b.heads / b.kv_heads);
    plan_decode(group, b.kv_heads, stream.gpu().processors, lists);
    plan_prefill(group, b.kv_heads, stream.gpu().processors, lists);
  }
  std::vector<int32_t>& words = lists.words;
  const size_t texts = add<PagedText>(words, lists.texts), runs = add<PagedRun>(words, lists.runs),
               splits = add<PagedSplit>(words, lists.splits),
               tiles64 = add<PagedTile>(words, lists.tiles64),
               tiles128 = add<PagedTile>(words, lists.tiles128),
               pages = add<int32_t>(words, b.table.pages);
  const int32_t* at = stream.upload(std::span<const int32_t>(words));
  return {.texts = placed(at, texts, lists.texts),
          .pages = at + pages,
          .tiles64 = placed(at, tiles64, lists.tiles64),
          .tiles128 = placed(at, tiles128, lists.tiles128),
          .runs = placed(at, runs, lists.runs),
          .splits = placed(at, splits, lists.splits),
          .slots = lists.slots,
          .row_room = lists.row_room};
}

}  // namespace winnow::cuda
