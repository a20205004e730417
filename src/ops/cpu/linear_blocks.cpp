#include "ops/cpu/linear_blocks.h"

#include <algorithm>

#include "ops/cpu/pack_blocks.h"

namespace winnow::cpu {
namespace {

constexpr int64_t kSerialValues = 16'384;  // to quantise these takes as long as waking a thread
constexpr int64_t kTileBytes = 300'000;  // of quantised rows that a task passes over: L2 keeps them
constexpr int64_t kTasksAThread = 4;

int64_t divide_up(int64_t x, int64_t by) { return (x + by - 1) / by; }

// Whole tiles of rows a task: as many as stay in cache, fewer where threads would go without.
int64_t rows_of_task(int64_t rows, int64_t row_bytes, int64_t tile, int threads) {
  const int64_t cached = std::max(tile, kTileBytes / row_bytes / tile * tile);
  const int64_t fair = divide_up(divide_up(rows, threads), tile) * tile;
  return std::min(cached, fair);
}

void quantize(const Isa& isa, const QuantizeBlocks& args, Stream& stream) {
  const int64_t share = divide_up(kSerialValues / args.k, isa.block_row_tile) * isa.block_row_tile;
  if (args.rows * args.k <= kSerialValues) return isa.quantize_blocks(args, 0, args.rows);
  stream.pool().run(divide_up(args.rows, share), [&](int64_t task, int) {
    isa.quantize_blocks(args, task * share, std::min(args.rows, (task + 1) * share));
  });
}

}  // namespace

void linear_blocks(const Isa& isa, const LinearArgs& a, Act act, Stream& stream) {
  if (a.rows == 0) return;
  const auto& w = static_cast<const PackedBlocks&>(*a.weight);
  const int64_t row_bytes = quantized_row_bytes(a.in);
  auto* x = static_cast<int8_t*>(stream.scratch(0, (a.rows + isa.block_row_tile) * row_bytes));
  quantize(isa, {static_cast<const float*>(a.x), a.x_stride, x, a.rows, a.in}, stream);
  const LinearBlocks args{.x = x,
                          .data = w.data.data(),
                          .panel_at = w.panel_at.data(),
                          .form = w.form.data(),
                          .bias = w.bias.data(),
                          .out = {static_cast<float*>(a.out), a.block, a.rows * a.block},
                          .rows = a.rows,
                          .k = a.in,
                          .n = a.out_features,
                          .act = act};
  const int threads = stream.pool().threads();
  // Few rows: the weights are what is read, so tasks are shares of panels. Many: blocks of rows.
  const int64_t rows = a.rows < isa.block_row_tile * threads
                           ? a.rows
                           : rows_of_task(a.rows, row_bytes, isa.block_row_tile, threads);
  const int64_t row_blocks = divide_up(a.rows, rows);
  const int64_t want =
      threads == 1
          ? 1
          : std::clamp<int64_t>(divide_up(threads * kTasksAThread, row_blocks), 1, w.panel_count);
  const int64_t panels = divide_up(w.panel_count, want);
  const int64_t panel_blocks = divide_up(w.panel_count, panels);
  stream.pool().run(row_blocks * panel_blocks, [&](int64_t task, int) {
    const int64_t row = task / panel_blocks * rows, panel = task % panel_blocks * panels;
    isa.linear_blocks(args, row, std::min(a.rows, row + rows), panel,
                      std::min(w.panel_count, panel + panels));
  });
}

}  // namespace winnow::cpu
