// What a device must be able to do: one struct of arguments and one table entry a kernel. Pointers
// and sizes only; the verbs (ops.h) have checked them. A null entry means that the device cannot do
// it yet, and the verb says so by name.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "ops/kv_cache.h"
#include "ops/parameters.h"
#include "tensor/stream.h"

namespace winnow {

enum class Activation {
  kNone,
  kGelu,      // x * Phi(x), the exact form by the error function
  kSilu,      // x / (1 + e^-x)
  kGeluTanh,  // x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
  kRelu,      // max(x, 0)
};

struct LinearArgs {
  const float* x;  // [rows, K], rows x_stride apart
  int64_t x_stride;
  const PackedLinear* weight;
  float* out;     // [N / block, rows, block]
  int64_t block;  // N: a dense matrix; a head's size: what attention reads
  int64_t rows, in, out_features;
  Activation activation;
};

struct AttentionArgs {
  const float *q, *k, *v;                       // [H, Tq, E], [H, T, E] x 2
  int64_t q_rows, k_rows;                       // Tq, T
  float* out;                                   // [Tq, H * E]
  std::span<const int32_t> q_starts, k_starts;  // [B + 1]
  int64_t heads, head_size;
  float scale;
  int64_t window;  // 0: every key; else a text's query i sees keys j with |i - j| <= window
};

struct CachedAttentionArgs {
  const float *q, *k, *v;              // [H, T, E], [K, T, E] x 2: the new tokens'
  float* out;                          // [T, H * E]
  std::span<const int32_t> starts;     // [B + 1]
  std::span<const int32_t> positions;  // [T], from `past` in each text
  KvPages cache;
  PageTable table;
  int64_t tokens, heads, kv_heads, head_size;
  float scale;
};

struct RmsNormArgs {
  const float *x, *weight;
  float* out;
  int64_t rows, cols;
  float eps;
};

struct RopeAnglesArgs {
  std::span<const int32_t> positions;  // [T]
  std::span<const float> frequencies;  // [R]
  float* out;                          // [T, 2 R]: cosines, then sines
  float scale;
};

struct RopeArgs {
  const float *x, *angles;  // [planes, tokens, cols]; [tokens, cols]: cosines, then sines
  float* out;
  int64_t planes, tokens, cols;
};

struct GatedArgs {
  const float* x;  // [rows, 2 * cols]
  float* out;      // [rows, cols]
  int64_t rows, cols;
  Activation activation;
};

struct AddArgs {
  const float *x, *y;
  float* out;
  int64_t count;
};

struct AddLayerNormArgs {
  const float* x;         // [rows, D]
  const float* residual;  // or null
  const float *weight, *bias;
  float* out;
  int64_t rows, cols;
  float eps;
};

struct EmbedSumArgs {
  std::span<const Table> tables;                      // 1 to 3
  std::span<const std::span<const int32_t>> indices;  // a table each, [rows]
  float* out;
  int64_t rows, cols;
};

struct GatherRowsArgs {
  const float* x;  // [planes, x_rows, cols]
  int64_t planes, x_rows;
  std::span<const int32_t> rows;
  float* out;  // [planes, rows, cols]
  int64_t cols;
};

// Of a text's rows: the first, the largest of each column, the mean, the sum divided by the root of
// their number, the mean weighted by 1, 2, 3 ..., the last.
enum class Pooling { kCls, kMax, kMean, kMeanSqrtLength, kWeightedMean, kLast };

struct PoolRowsArgs {
  const float* x;                   // [T, cols]
  std::span<const int32_t> starts;  // [B + 1]
  std::span<const int32_t> skips;   // [B] rows at a text's start that do not count; empty: none
  std::span<const Pooling> kinds;
  float* out;  // [B, kinds * cols]
  int64_t cols;
};

struct NormalizeRowsArgs {
  const float* x;  // [rows, cols]
  float* out;
  int64_t rows, cols;
};

struct ElementwiseArgs {
  const float* x;
  float* out;
  int64_t count;
};

struct Kernels {
  std::string device;  // "cpu avx512"
  Linear (*pack_linear)(LinearSource source,
                        DType dtype) = nullptr;  // dtype: f32, or i8 (quantises f32 weights a row);
                                                 // rows of blocks stay what they are
  void (*linear)(const LinearArgs&, Stream&) = nullptr;
  void (*linear_i8)(const LinearArgs&, Stream&) = nullptr;
  void (*linear_16bit)(const LinearArgs&, Stream&) = nullptr;
  void (*linear_blocks)(const LinearArgs&, Stream&) = nullptr;
  void (*attention)(const AttentionArgs&, Stream&) = nullptr;
  void (*cached_attention)(const CachedAttentionArgs&, Stream&) = nullptr;
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
};

}  // namespace winnow
