// What a device must be able to do: one struct of arguments and one table entry a kernel. Pointers
// and sizes only; the verbs (ops.h) have checked them. A null entry means that the device cannot do
// it yet, and the verb says so by name.
//
// Matrices are pointers without a type: `type` names it. On the CPU it is f32 everywhere; elsewhere
// activations may be f16 or bf16. Spans lie in the process's memory on every device, all else in
// the device's.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "ops/kv_cache.h"
#include "ops/parameters.h"
#include "tensor/memory.h"
#include "tensor/stream.h"

namespace winnow {

enum class Activation {
  kNone,
  kGelu,      // x * Phi(x), the exact form by the error function
  kSilu,      // x / (1 + e^-x)
  kGeluTanh,  // x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
  kRelu,      // max(x, 0)
};

// Heads [H, T, E]: element (h, t, e) at data[h * plane + t * row + e].
struct HeadsView {
  void* data;
  int64_t plane, row;
};

struct LinearArgs {
  const void* x;  // [rows, K], rows x_stride apart; may be null where x8 is not
  int64_t x_stride;
  DType x_type;
  Tensor::Eighths x8;  // of linear_f8: the same rows in 8 bits, where somebody made them
  const PackedLinear* weight;
  void* out;  // [N / block, rows, block]
  DType out_type;
  int64_t block;  // N: a dense matrix; a head's size: what attention reads
  int64_t rows, in, out_features;
  Activation activation;
  // Of devices with fused_linear: [rows, N], added before the rounding; or null.
  const void* residual;
  bool gated;                   // the same: out [rows, N / 2]
  float* out_scales = nullptr;  // of linear_f8: out is f8, with these scales (Tensor::Eighths)
};

struct AttentionArgs {
  HeadsView q, k, v;                            // [H, Tq, E], [H, T, E] x 2
  void* out;                                    // [Tq, H * E]
  DType type;                                   // of all four
  std::span<const int32_t> q_starts, k_starts;  // [B + 1]
  int64_t heads, head_size;
  float scale;
  int64_t window;  // 0: every key; else a text's query i sees keys j with |i - j| <= window
};

struct CachedAttentionArgs {
  HeadsView q, k, v;                   // [H, T, E], [K, T, E] x 2: the new tokens'
  void* out;                           // [T, H * E]
  DType type;                          // of all four
  std::span<const int32_t> starts;     // [B + 1]
  std::span<const int32_t> positions;  // [T], from `past` in each text
  KvPages cache;
  PageTable table;
  int64_t tokens, heads, kv_heads, head_size;
  float scale;
  bool appended = false;  // k and v are in their pages already (rope_append)
};

// Of devices that have it as one: norms of q's and k's heads, rotation, k and v into their pages.
struct RopeAppendArgs {
  void* qkv;            // [T, (H + 2 K) * E]: q heads, k heads, v heads; q is rotated in place
  int64_t row;          // elements from one row to the next
  DType type;           // of qkv and the pages
  const float* angles;  // [T, E]: cosines, then sines
  const float *q_norm, *k_norm;                // [E], or both null
  float eps;                                   // of the norms
  std::span<const int32_t> starts, positions;  // as CachedAttentionArgs
  KvPages cache;
  PageTable table;
  int64_t tokens, heads, kv_heads, head_size;
};

struct RmsNormArgs {
  HeadsView x, out;  // [planes, rows, cols]
  DType type;
  const float* weight;
  int64_t planes, rows, cols;
  float eps;
  Tensor::Eighths out8 = {};  // of what it returns, where wanted
};

struct RopeAnglesArgs {
  std::span<const int32_t> positions;  // [T]
  std::span<const float> frequencies;  // [R]
  float* out;                          // [T, 2 R]: cosines, then sines
  float scale;
};

struct RopeArgs {
  HeadsView x, out;     // [planes, tokens, cols]
  DType type;           // of both
  const float* angles;  // [tokens, cols]: cosines, then sines
  int64_t planes, tokens, cols;
};

struct GatedArgs {
  const void* x;  // [rows, 2 * cols]
  void* out;      // [rows, cols]
  DType type;
  int64_t rows, cols;
  Activation activation;
};

struct AddArgs {
  const void *x, *y;
  void* out;
  DType type;
  int64_t count;
};

struct AddLayerNormArgs {
  const void* x;         // [rows, D]
  const void* residual;  // or null
  void* out;
  DType type;
  const float *weight, *bias;
  int64_t rows, cols;
  float eps;
  Tensor::Eighths out8 = {};  // of what it returns, where wanted
};

struct EmbedSumArgs {
  std::span<const Table> tables;                      // 1 to 3
  std::span<const std::span<const int32_t>> indices;  // a table each, [rows]
  void* out;
  DType type;
  int64_t rows, cols;
};

struct GatherRowsArgs {
  HeadsView x, out;  // [planes, *, cols], [planes, rows, cols]
  DType type;
  int64_t planes;
  std::span<const int32_t> rows;
  int64_t cols;
};

// Of a text's rows: the first, the largest of each column, the mean, the sum divided by the root of
// their number, the mean weighted by 1, 2, 3 ..., the last.
enum class Pooling { kCls, kMax, kMean, kMeanSqrtLength, kWeightedMean, kLast };

struct PoolRowsArgs {
  const void* x;  // [T, cols]
  DType type;
  std::span<const int32_t> starts;  // [B + 1]
  std::span<const int32_t> skips;   // [B] rows at a text's start that do not count; empty: none
  std::span<const Pooling> kinds;
  float* out;  // [B, kinds * cols]
  int64_t cols;
};

struct NormalizeRowsArgs {
  const void* x;  // [rows, cols]
  DType type;
  float* out;
  int64_t rows, cols;
};

struct ElementwiseArgs {
  const void* x;
  void* out;
  DType type;
  int64_t count;
};

struct TokenLogit {
  int32_t id;  // -1: there is none
  float logit;
};

// The best tokens of rows of logits, best first, into the process's memory. Of equal logits the
// smaller id; -inf and NaN are never chosen.
struct ChooseTokensArgs {
  const float* logits;  // [rows, vocab]
  int64_t rows, vocab, count;
  TokenLogit* out;  // [rows, count]
};

struct ToHostArgs {
  const void* x;  // [rows, cols], rows x_stride apart
  int64_t x_stride;
  DType type;
  float* out;  // [rows, cols] in the process's memory
  int64_t rows, cols;
};

struct Kernels {
  std::string device;  // "cpu avx512"
  Memory* memory = &host_memory();
  DType activations = DType::f32;  // what verbs return, but where they say f32
  bool heads_in_rows = false;      // heads [H, T, E] lie as the columns of [T, H * E]
  bool fused_linear = false;       // linear takes a residual and gated weights
  bool eighths = false;            // norms give a copy in 8 bits, which linear_f8 reads
  int64_t step_tokens = 0;         // as many as make a batch efficient; 0: 256 a thread of the pool

  // A null make_stream: a plain Stream. begin: before each pass. to_host: waits for the device.
  std::unique_ptr<Stream> (*make_stream)(ThreadPool& pool, Memory& memory) = nullptr;
  void (*begin)(Stream&) = nullptr;
  void (*to_host)(const ToHostArgs&, Stream&) = nullptr;
  void (*choose_tokens)(const ChooseTokensArgs&, Stream&) = nullptr;  // waits for the device

  // Parameters into the device's memory and form. dtype: f32, f16, bf16, f8, or i8 (quantises f32
  // weights a row); rows of blocks stay what they are where the device multiplies blocks.
  Linear (*pack)(LinearSource source, DType dtype, Memory& memory) = nullptr;
  Table (*place_table)(Table table, DType dtype, Memory& memory) = nullptr;  // null: as it lies
  Linear pack_linear(LinearSource source, DType dtype) const;
  Floats place(std::vector<float> values) const;

  int64_t (*free_bytes)(const Memory&) = nullptr;      // that may still be taken; null: not known
  int64_t (*page_bytes)(int64_t head_size) = nullptr;  // one head's keys of a page, or values

  void (*linear)(const LinearArgs&, Stream&) = nullptr;  // f32 weights
  void (*linear_i8)(const LinearArgs&, Stream&) = nullptr;
  void (*linear_f8)(const LinearArgs&, Stream&) = nullptr;
  void (*linear_16bit)(const LinearArgs&, Stream&) = nullptr;
  void (*linear_blocks)(const LinearArgs&, Stream&) = nullptr;
  void (*attention)(const AttentionArgs&, Stream&) = nullptr;
  void (*cached_attention)(const CachedAttentionArgs&, Stream&) = nullptr;
  bool (*can_rope_append)(int64_t head_size, DType type) = nullptr;
  void (*rope_append)(const RopeAppendArgs&, Stream&) = nullptr;
  void (*add_layer_norm)(const AddLayerNormArgs&, Stream&) = nullptr;
  void (*rms_norm)(const RmsNormArgs&, Stream&) = nullptr;
  void (*rope_angles)(const RopeAnglesArgs&, Stream&) = nullptr;
  void (*rope)(const RopeArgs&, Stream&) = nullptr;
  void (*gated)(const GatedArgs&, Stream&) = nullptr;
  void (*add)(const AddArgs&, Stream&) = nullptr;
  void (*embed_sum)(const EmbedSumArgs&, Stream&) = nullptr;
  void (*gather_rows)(const GatherRowsArgs&, Stream&) = nullptr;
  void (*pool_rows)(const PoolRowsArgs&, Stream&) = nullptr;
  void (*normalize_rows)(const NormalizeRowsArgs&, Stream&) = nullptr;
  void (*gelu)(const ElementwiseArgs&, Stream&) = nullptr;
  void (*tanh)(const ElementwiseArgs&, Stream&) = nullptr;

  // Operations a second of the device's own large matrix product, 8192^3 in 16 bits, measured now
  // (about half a second); null where the device cannot tell.
  double (*matrix_flops)(Memory& memory) = nullptr;
};

}  // namespace winnow
