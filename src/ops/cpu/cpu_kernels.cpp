// The CPU's kernels: shares of rows to threads, each computed by the chosen instruction set's
// functions (isa.h).
//
// Long because each kernel of the table has its own few lines here that cut it into shares.
#include "ops/cpu/cpu_kernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <numeric>

#include "base/error.h"
#include "base/thread_pool.h"
#include "ops/cpu/append_to_pages.h"
#include "ops/cpu/isa.h"
#include "ops/cpu/linear_blocks.h"
#include "ops/cpu/pack.h"
#include "ops/cpu/pack_blocks.h"
#include "ops/cpu/scalar_kernels.h"
#include "tensor/blocks.h"

namespace winnow {
namespace {

using cpu::Isa;

static_assert(cpu::kPageTokens == kPageTokens);

constexpr int64_t kTileBytes =
    300'000;  // of x that a task lays out: with two panels of weights, within most L2 caches
constexpr int64_t kMostRows = 96;  // more gains nothing: the panels have left L1 anyway

constexpr int64_t kRowGrain = 16;  // rows of a cheap kernel's task: a few microseconds
int64_t row_grain(int64_t cols) { return std::max<int64_t>(kRowGrain, (1 << 14) / cols); }

// The CPU's activations are f32 throughout.
const float* floats(const void* p) { return static_cast<const float*>(p); }
float* floats(void* p) { return static_cast<float*>(p); }

int64_t round_up(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }

cpu::Act act_of(Activation a) {
  switch (a) {
    case Activation::kNone:
      return cpu::Act::kNone;
    case Activation::kGelu:
      return cpu::Act::kGelu;
    case Activation::kGeluTanh:
      return cpu::Act::kGeluTanh;
    case Activation::kRelu:
      return cpu::Act::kRelu;
    case Activation::kSilu:
      return cpu::Act::kSilu;
  }
  return cpu::Act::kNone;
}

// How a product is cut into tasks: blocks of rows, and of panels where there are too few rows for
// every thread.
struct Cut {
  int64_t rows, panels;  // of one task
  int64_t row_blocks, panel_blocks;
  int64_t all_rows, all_panels;

  Cut(int64_t all_rows, int64_t all_panels, int64_t row_bytes, const Isa& isa, int threads)
      : all_rows(all_rows), all_panels(all_panels) {
    rows = std::clamp(kTileBytes / row_bytes, int64_t{1}, kMostRows);
    rows = std::min(round_up(rows, isa.row_tile), round_up(all_rows, isa.row_tile));
    if (all_rows < rows * threads * 2) {  // few rows: equal shares, whole tiles
      const int64_t shares = std::clamp<int64_t>(all_rows / isa.row_tile, 1, threads * 2);
      rows = round_up((all_rows + shares - 1) / shares, isa.row_tile);
    }
    row_blocks = (all_rows + rows - 1) / rows;
    const int64_t want =
        std::clamp<int64_t>((threads * 4 + row_blocks - 1) / row_blocks, 1, all_panels);
    panels = threads == 1 || row_blocks >= threads * 4
                 ? all_panels
                 : round_up((all_panels + want - 1) / want, isa.panel_tile);
    panel_blocks = (all_panels + panels - 1) / panels;
  }

  struct Task {
    int64_t row, row_end, panel, panel_end;
  };
  // Calls body(task, worker) for each task.
  template <typename Body>
  void run(Stream& stream, Body body) const {
    stream.pool().run(row_blocks * panel_blocks, [&](int64_t task, int worker) {
      const int64_t row = task / panel_blocks * rows, panel = task % panel_blocks * panels;
      body(Task{row, std::min(all_rows, row + rows), panel, std::min(all_panels, panel + panels)},
           worker);
    });
  }
};

// Calls body(begin, end, worker) over shares of [0, count).
template <typename Body>
void share(Stream& stream, int64_t count, int64_t grain, Body body) {
  stream.pool().run((count + grain - 1) / grain, [&](int64_t task, int worker) {
    body(task * grain, std::min(count, (task + 1) * grain), worker);
  });
}

template <const Isa* (*isa)()>
void linear(const LinearArgs& a, Stream& stream) {
  if (a.rows == 0) return;
  const auto& w = static_cast<const cpu::PackedF32&>(*a.weight);
  const Cut cut(a.rows, w.panel_count, a.in * 4, *isa(), stream.pool().threads());
  cut.run(stream, [&](const Cut::Task& t, int worker) {
    cpu::LinearF32 args{
        .x = floats(a.x),
        .x_stride = a.x_stride,
        .panels = w.panels.data(),
        .bias = w.bias.data(),
        .out = {floats(a.out), a.block, a.rows * a.block},
        .k = a.in,
        .n = a.out_features,
        .act = act_of(a.activation),
        .scratch = static_cast<float*>(stream.scratch(worker, cut.rows * a.in * 4))};
    isa()->linear_f32(args, t.row, t.row_end, t.panel, t.panel_end);
  });
}

template <const Isa* (*isa)()>
void linear_i8(const LinearArgs& a, Stream& stream) {
  if (a.rows == 0) return;
  const auto& w = static_cast<const cpu::PackedI8&>(*a.weight);
  const Cut cut(a.rows, w.panel_count, w.k4 * 4, *isa(), stream.pool().threads());
  cut.run(stream, [&](const Cut::Task& t, int worker) {
    const cpu::LinearI8 args{
        .x = floats(a.x),
        .x_stride = a.x_stride,
        .panels = w.panels.data(),
        .steps = w.i8_steps(),
        .w_sum = w.w_sum.data(),
        .w_scale = w.w_scale.data(),
        .bias = w.bias.data(),
        .out = {floats(a.out), a.block, a.rows * a.block},
        .k = a.in,
        .k4 = w.k4,
        .n = a.out_features,
        .act = act_of(a.activation),
        .scratch = stream.scratch(worker, cpu::i8_scratch_bytes(cut.rows, w.k4))};
    isa()->linear_i8(args, t.row, t.row_end, t.panel, t.panel_end);
  });
}

template <const Isa* (*isa)()>
void linear_16bit(const LinearArgs& a, Stream& stream) {
  if (a.rows == 0) return;
  const auto& w = static_cast<const cpu::Packed16Bit&>(*a.weight);
  const Cut cut(a.rows, w.panel_count, a.in * 4, *isa(), stream.pool().threads());
  cut.run(stream, [&](const Cut::Task& t, int worker) {
    const cpu::Linear16Bit args{
        .x = floats(a.x),
        .x_stride = a.x_stride,
        .panels = w.panels.data(),
        .bf16 = w.bf16,
        .bias = w.bias.data(),
        .out = {floats(a.out), a.block, a.rows * a.block},
        .k = a.in,
        .n = a.out_features,
        .act = act_of(a.activation),
        .scratch = static_cast<float*>(stream.scratch(worker, cut.rows * a.in * 4))};
    isa()->linear_16bit(args, t.row, t.row_end, t.panel, t.panel_end);
  });
}

template <const Isa* (*isa)()>
void linear_blocks(const LinearArgs& a, Stream& stream) {
  cpu::linear_blocks(*isa(), a, act_of(a.activation), stream);
}

template <const Isa* (*isa)()>
void attention(const AttentionArgs& a, Stream& stream) {
  const auto texts = static_cast<int64_t>(a.q_starts.size()) - 1;
  const int64_t size = a.head_size, width = a.heads * size;
  stream.pool().run(texts * a.heads, [&](int64_t task, int worker) {
    const int64_t text = task / a.heads, head = task % a.heads;
    const int64_t q = a.q_starts[text], k = a.k_starts[text];
    const int64_t queries = a.q_starts[text + 1] - q, keys = a.k_starts[text + 1] - k;
    if (queries == 0) return;
    const int64_t scratch = cpu::attention_scratch_floats(keys, size) * 4;
    isa()->attention_head({.q = floats(a.q.data) + head * a.q.plane + q * a.q.row,
                           .k = floats(a.k.data) + head * a.k.plane + k * a.k.row,
                           .v = floats(a.v.data) + head * a.v.plane + k * a.v.row,
                           .out = floats(a.out) + q * width + head * size,
                           .q_stride = a.q.row,
                           .k_stride = a.k.row,
                           .v_stride = a.v.row,
                           .out_stride = width,
                           .queries = queries,
                           .keys = keys,
                           .head_size = size,
                           .scale = a.scale,
                           .window = a.window,
                           .scratch = static_cast<float*>(stream.scratch(worker, scratch))});
  });
}

constexpr int64_t kCachedRows = 96;  // query rows of a task: enough to read keys seldom

template <const Isa* (*isa)()>
void cached_attention(const CachedAttentionArgs& a, Stream& stream) {
  const auto texts = static_cast<int64_t>(a.starts.size()) - 1;
  const int64_t size = a.head_size, width = a.heads * size, group = a.heads / a.kv_heads;
  if (a.tokens <= kPageTokens)  // little: not worth waking a thread
    for (int64_t text = 0; text < texts; ++text) cpu::append_to_pages(a, text);
  else
    stream.pool().run(texts, [&](int64_t text, int) { cpu::append_to_pages(a, text); });
  for (const PageCopy& copy : a.table.copies) cpu::copy_in_pages(a, copy);

  // Cut at whole tokens, so that a token's group shares a tile.
  const int64_t cut = std::max<int64_t>(1, kCachedRows / group) * group;
  std::vector<int64_t> first{0};  // task of each text and one more
  for (int64_t text = 0; text < texts; ++text)
    first.push_back(first.back() + ((a.starts[text + 1] - a.starts[text]) * group + cut - 1) / cut);
  stream.pool().run(first.back() * a.kv_heads, [&](int64_t task, int worker) {
    const int64_t head = task % a.kv_heads, piece = task / a.kv_heads;
    const int64_t text = std::upper_bound(first.begin(), first.end(), piece) - first.begin() - 1;
    const int64_t begin = a.starts[text], rows = (a.starts[text + 1] - begin) * group;
    const int64_t page_floats = KvPages::page_floats(size);
    const cpu::CachedHead args{.q = floats(a.q.data) + head * group * a.q.plane + begin * size,
                               .q_stride = a.q.plane,
                               .out = floats(a.out) + begin * width + head * group * size,
                               .out_stride = width,
                               .k = floats(a.cache.k) + head * page_floats,
                               .v = floats(a.cache.v) + head * page_floats,
                               .page_stride = a.kv_heads * page_floats,
                               .pages = a.table.pages.data() + a.table.starts[text],
                               .group = group,
                               .past = a.positions[begin],
                               .head_size = size,
                               .scale = a.scale,
                               .scratch = static_cast<float*>(
                                   stream.scratch(worker, cpu::cached_scratch_floats(size) * 4))};
    const int64_t row = (piece - first[text]) * cut;
    isa()->cached_head(args, row, std::min(rows, row + cut));
  });
}

template <const Isa* (*isa)()>
void rms_norm(const RmsNormArgs& a, Stream& stream) {
  const cpu::RmsNorm args{.x = floats(a.x.data),
                          .weight = a.weight,
                          .out = floats(a.out.data),
                          .cols = a.cols,
                          .eps = a.eps};
  share(stream, a.planes * a.rows, row_grain(a.cols),
        [&](int64_t begin, int64_t end, int) { isa()->rms_norm(args, begin, end); });
}

template <const Isa* (*isa)()>
void rope(const RopeArgs& a, Stream& stream) {
  const cpu::Rope args{.x = floats(a.x.data),
                       .angles = a.angles,
                       .out = floats(a.out.data),
                       .tokens = a.tokens,
                       .cols = a.cols};
  share(stream, a.planes * a.tokens, row_grain(a.cols),
        [&](int64_t begin, int64_t end, int) { isa()->rope(args, begin, end); });
}

template <const Isa* (*isa)()>
void gated(const GatedArgs& a, Stream& stream) {
  const cpu::Gated args{
      .x = floats(a.x), .out = floats(a.out), .cols = a.cols, .act = act_of(a.activation)};
  share(stream, a.rows, kRowGrain,
        [&](int64_t begin, int64_t end, int) { isa()->gated(args, begin, end); });
}

template <const Isa* (*isa)()>
void add(const AddArgs& a, Stream& stream) {
  share(stream, a.count, 1 << 14, [&](int64_t begin, int64_t end, int) {
    isa()->add(floats(a.x) + begin, floats(a.y) + begin, floats(a.out) + begin, end - begin);
  });
}

template <const Isa* (*isa)()>
void add_layer_norm(const AddLayerNormArgs& a, Stream& stream) {
  const cpu::AddLayerNorm args{.x = floats(a.x),
                               .residual = floats(a.residual),
                               .weight = a.weight,
                               .bias = a.bias,
                               .out = floats(a.out),
                               .cols = a.cols,
                               .eps = a.eps};
  share(stream, a.rows, kRowGrain,
        [&](int64_t begin, int64_t end, int) { isa()->add_layer_norm(args, begin, end); });
}

bool needs_dequantising(const Table& table) {
  return table.rows.dtype() != DType::f32 && table.rows.dtype() != DType::u8;
}

// Rows that the instruction sets' functions do not read themselves are looked up here, into floats
// [rows of the range, cols], and numbered anew.
void dequantize_rows(const Table& table, std::span<const int32_t> indices, int64_t cols,
                     float* out) {
  const DType dtype = table.rows.dtype();
  const int64_t row_bytes = cols / block_elements(dtype) * size_of(dtype);
  for (const int32_t index : indices) {
    dequantize_row(dtype, table.rows.as<const std::byte>() + index * row_bytes, cols, out);
    out += cols;
  }
}

template <const Isa* (*isa)()>
void embed_sum(const EmbedSumArgs& a, Stream& stream) {
  cpu::EmbedSum args{};
  args.count = static_cast<int>(a.tables.size());
  args.cols = a.cols;
  std::array<int32_t, kRowGrain> in_order;
  for (int32_t i = 0; i < kRowGrain; ++i) in_order[i] = i;
  share(stream, a.rows, kRowGrain, [&](int64_t begin, int64_t end, int worker) {
    cpu::EmbedSum part = args;
    part.out = floats(a.out) + begin * a.cols;
    auto* floats = static_cast<float*>(
        stream.scratch(worker, args.count * kRowGrain * a.cols * int64_t{sizeof(float)}));
    for (int i = 0; i < part.count; ++i) {
      const Table& table = a.tables[i];
      const auto indices = a.indices[i].subspan(begin, end - begin);
      part.tables[i] = {table.rows.data(), table.rows.dtype() == DType::u8, table.scale,
                        table.zero};
      part.indices[i] = indices.data();
      if (!needs_dequantising(table)) continue;
      dequantize_rows(table, indices, a.cols, floats);
      part.tables[i].rows = floats;
      part.indices[i] = in_order.data();
      floats += kRowGrain * a.cols;
    }
    isa()->embed_sum(part, 0, end - begin);
  });
}

// out [cols]: rows [begin, end) as one; weights count from first.
void pool(const float* x, int64_t cols, int64_t first, int64_t begin, int64_t end, Pooling kind,
          float* out) {
  std::fill_n(out, cols, 0.0f);
  if (begin >= end) return;
  if (kind == Pooling::kCls) return void(std::copy_n(x + begin * cols, cols, out));
  if (kind == Pooling::kLast) return void(std::copy_n(x + (end - 1) * cols, cols, out));
  if (kind == Pooling::kMax) {
    std::copy_n(x + begin * cols, cols, out);
    for (int64_t row = begin + 1; row < end; ++row)
      for (int64_t c = 0; c < cols; ++c) out[c] = std::max(out[c], x[row * cols + c]);
    return;
  }
  float total = 0.0f;
  for (int64_t row = begin; row < end; ++row) {
    const float weight =
        kind == Pooling::kWeightedMean ? static_cast<float>(row - first + 1) : 1.0f;
    total += weight;
    for (int64_t c = 0; c < cols; ++c) out[c] += weight * x[row * cols + c];
  }
  const float divisor = kind == Pooling::kMeanSqrtLength ? std::sqrt(total) : total;
  for (int64_t c = 0; c < cols; ++c) out[c] /= divisor;
}

void pool_rows(const PoolRowsArgs& a, Stream& stream) {
  const auto kinds = static_cast<int64_t>(a.kinds.size());
  share(stream, static_cast<int64_t>(a.starts.size()) - 1, 1, [&](int64_t text, int64_t, int) {
    const int64_t first = a.starts[text], begin = first + (a.skips.empty() ? 0 : a.skips[text]);
    for (int64_t k = 0; k < kinds; ++k)
      pool(floats(a.x), a.cols, first, begin, a.starts[text + 1], a.kinds[k],
           a.out + (text * kinds + k) * a.cols);
  });
}

void normalize_rows(const NormalizeRowsArgs& a, Stream& stream) {
  share(stream, a.rows, kRowGrain, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float* x = floats(a.x) + row * a.cols;
      double squares = 0;
      for (int64_t c = 0; c < a.cols; ++c) squares += double(x[c]) * x[c];
      const double length = std::max(std::sqrt(squares), 1e-12);
      for (int64_t c = 0; c < a.cols; ++c)
        a.out[row * a.cols + c] = static_cast<float>(x[c] / length);
    }
  });
}

template <const Isa* (*isa)()>
void gelu(const ElementwiseArgs& a, Stream& stream) {
  share(stream, a.count, 1 << 14, [&](int64_t begin, int64_t end, int) {
    isa()->gelu(floats(a.x) + begin, floats(a.out) + begin, end - begin);
  });
}

template <const Isa* (*isa)()>
Linear pack(LinearSource source, DType dtype, Memory&) {
  Linear linear{.in = source.in, .out = source.out, .dtype = dtype, .packed = nullptr};
  if (!source.block_rows.empty()) {
    linear.packed = cpu::pack_rows(std::move(source), linear.dtype);
  } else if (dtype == DType::i8)
    linear.packed = std::make_shared<cpu::PackedI8>(std::move(source), isa()->i8_steps);
  else
    linear.packed = std::make_shared<cpu::PackedF32>(source);
  return linear;
}

int64_t page_bytes(int64_t head_size) {
  return KvPages::page_floats(head_size) * static_cast<int64_t>(sizeof(float));
}

template <const Isa* (*isa)()>
const Kernels& table() {
  static const Kernels kernels{.device = std::string("cpu ") + isa()->name,
                               .choose_tokens = cpu::choose_tokens,
                               .pack = pack<isa>,
                               .page_bytes = page_bytes,
                               .linear = linear<isa>,
                               .linear_i8 = linear_i8<isa>,
                               .linear_16bit = linear_16bit<isa>,
                               .linear_blocks = linear_blocks<isa>,
                               .attention = attention<isa>,
                               .cached_attention = cached_attention<isa>,
                               .add_layer_norm = add_layer_norm<isa>,
                               .rms_norm = rms_norm<isa>,
                               .rope_angles = cpu::rope_angles,
                               .rope = rope<isa>,
                               .gated = gated<isa>,
                               .add = add<isa>,
                               .embed_sum = embed_sum<isa>,
                               .gather_rows = cpu::gather_rows,
                               .pool_rows = pool_rows,
                               .normalize_rows = normalize_rows,
                               .gelu = gelu<isa>,
                               .tanh = cpu::tanh_of};
  return kernels;
}

// This thread's own processor time.
double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Choice {
  std::string_view name;
  bool usable;
  const Isa* (*isa)();
  const Kernels& (*kernels)();
};

bool has_f16c() {  // clang 14's __builtin_cpu_supports has no name for it
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
#else
  return false;
#endif
}

std::array<Choice, 3> choices() {
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
  return {Choice{"avx512", avx512, cpu::avx512_isa, table<cpu::avx512_isa>},
          Choice{"avx2", avx2, cpu::avx2_isa, table<cpu::avx2_isa>},
          Choice{"plain", true, cpu::plain_isa, table<cpu::plain_isa>}};
}

Choice chosen(std::string_view isa) {
  for (const Choice& choice : choices())
    if (choice.usable && choice.name == isa) return choice;
  std::string usable;
  for (const std::string& name : usable_isas()) usable += " " + name;
  fail(Code::kUnsupported, "cpu: want an instruction set of", usable, ", got ", isa);
}

}  // namespace

std::vector<std::string> usable_isas() {
  std::vector<std::string> out;
  for (const Choice& choice : choices())
    if (choice.usable) out.emplace_back(choice.name);
  return out;
}

std::string best_isa() { return usable_isas().front(); }

const Kernels& cpu_kernels(std::string_view isa) { return chosen(isa).kernels(); }

double fma_flops(std::string_view isa, int threads) {
  const Isa& table = *chosen(isa).isa();
  ThreadPool pool(threads);
  std::vector<double> rates(static_cast<size_t>(threads)), seconds(rates.size());
  std::vector<float> sinks(rates.size());
  // Each thread by its own processor time, so that what else the machine does shows less.
  const auto rate = [&](int64_t steps) {
    pool.run(threads, [&](int64_t task, int) {
      const double start = thread_seconds();
      const double operations = table.fma_steps(steps, &sinks[task]);
      seconds[task] = thread_seconds() - start;
      rates[task] = operations / std::max(seconds[task], 1e-9);
    });
    return std::accumulate(rates.begin(), rates.end(), 0.0);
  };
  // As many steps as take 40 ms; then the best round of seven: a clock that is still rising, or a
  // neighbour on the same core, only ever slows it down.
  constexpr int64_t kProbe = 200'000;
  rate(kProbe);
  const auto steps = static_cast<int64_t>(kProbe * 0.04 / std::max(seconds[0], 1e-6));
  double best = 0;
  for (int round = 0; round < 7; ++round) best = std::max(best, rate(steps + 1));
  return best;
}

std::vector<std::pair<std::string, std::string>> kernel_report(std::string_view isa) {
  const Isa& table = *chosen(isa).isa();
  const std::string tile = cat(table.name, ", tiles of ", table.row_tile, " rows x ",
                               table.panel_tile * cpu::kPanel, " columns");
  return {{"linear f32", tile},
          {"linear int8", cat(table.name, ", ", table.linear_i8_name)},
          {"attention", cat(table.name, ", keys in blocks of ", cpu::kKeyBlock)},
          {"layer norm, embedding, gelu, quantise", table.name}};
}

std::vector<std::pair<std::string, bool>> cpu_features() {
  __builtin_cpu_init();
  return {{"avx2", __builtin_cpu_supports("avx2")},
          {"fma", __builtin_cpu_supports("fma")},
          {"f16c", has_f16c()},
          {"avx512f", __builtin_cpu_supports("avx512f")},
          {"avx512bw", __builtin_cpu_supports("avx512bw")},
          {"avx512vl", __builtin_cpu_supports("avx512vl")},
          {"avx512_vnni", __builtin_cpu_supports("avx512vnni")}};
}

}  // namespace winnow
