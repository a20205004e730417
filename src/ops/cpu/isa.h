// The CPU's kernels as tables of plain functions: one table an instruction set, filled from the
// same sources. Each function computes one range of rows on the calling thread; ops/cpu/*.cpp share
// ranges out. A row's result depends on that row (and its text) alone, never on the range, so
// neither batch nor thread count changes a bit.
#pragma once

#include <cstdint>

#include "ops/cpu/block_forms.h"

namespace winnow::cpu {

constexpr int kPanel = 16;  // columns of a packed weight panel

enum class Act : int32_t { kNone, kGelu, kSilu, kGeluTanh, kRelu };

// Where a product's results go: blocks of columns one after the other, each with its rows `block`
// apart. One block of all N columns is a dense matrix; blocks of a head's size are what attention
// reads.
struct Out {
  float* data;
  int64_t block;         // columns of a block
  int64_t block_stride;  // elements from block to block
};

// out[r, n] = act(sum_k x[r, k] * w[n, k] + bias[n]), summed over k in order, fused, in f32.
struct LinearF32 {
  const float* x;
  int64_t x_stride;     // elements from row to row
  const float* panels;  // [ceil(N / 16), K, 16]
  const float* bias;    // [panels * 16]
  Out out;
  int64_t k, n;
  Act act;
  float* scratch;  // [rows of the range rounded up to the row tile, k], 64-byte aligned
};

// The same with weights of 16 bits, widened as they are read: the bits of LinearF32.
struct Linear16Bit {
  const float* x;
  int64_t x_stride;
  const uint16_t* panels;  // [ceil(N / 16), K, 16]
  bool bf16;               // else f16
  const float* bias;       // [panels * 16]
  Out out;
  int64_t k, n;
  Act act;
  float* scratch;  // as LinearF32's
};

// 8-bit weights as steps of 4 values of k, for instructions that add pairs of products in 16 bits
// (AVX2's vpmaddubsw). Steps that follow each other form a segment whose sums cannot leave 16 bits
// whatever the activations are: for each column and each of its two 16-bit lanes the positive
// weights sum to at most 128, the negative ones to at least -128, and 255 * 128 < 2^15. A pair of
// weights too large for that stands as two steps of the same k. So every product is exact. Panels
// follow each other; panel p owns segments [panel_segment[p], panel_segment[p + 1]).
struct I8Steps {
  const int8_t* data = nullptr;            // [steps, 16, 4]
  const int32_t* k4 = nullptr;             // [steps] which 4 values of k
  const int32_t* segment_steps = nullptr;  // [segments] how many steps each has
  const int64_t* panel_step = nullptr;     // [panels]
  const int64_t* panel_segment = nullptr;  // [panels + 1]
};

// The same with 8-bit integers. Each row of x is quantised to [0, 255] with a scale and a zero
// point of its own: scale = (max - min) / 255 over the row and 0, zero = round(-min / scale), so
// that 0 is exact; a row of zeros has scale 1. Then sum_k (q[r, k] - zero[r]) * w[n, k], exact in
// int32,
// * scale[r] * w_scale[n] + bias[n].
struct LinearI8 {
  const float* x;
  int64_t x_stride;
  const int8_t* panels;  // [ceil(N / 16), K4, 16, 4], K padded with weights of 0
  I8Steps steps;         // the same weights, for the table that asks for them (Isa::i8_steps)
  const int32_t* w_sum;  // [panels * 16] sum over k of w
  const float* w_scale;  // [panels * 16]
  const float* bias;     // [panels * 16]
  Out out;
  int64_t k, k4, n;  // k4: K / 4 rounded up
  Act act;
  void* scratch;  // i8_scratch_bytes(rows of the range, k4), 64-byte aligned
};

// Rows of x to the tiles that block_forms.h describes. A range begins at a multiple of the row
// tile.
struct QuantizeBlocks {
  const float* x;
  int64_t x_stride;
  int8_t* out;  // [rows + block_row_tile] of quantized_row_bytes(k)
  int64_t rows, k;
};

// Products of such rows with panels of blocks. Over the groups of k in order, in f32 and fused:
//   sum += (sum_i (w[n, i] - zero) * q[r, i]) * (w_scale[n] * x_scale[r]), the inner sum in int32,
//   sum += w_minimum[n] * (x_scale[r] * sum_i q[r, i]), where a form has minimums;
// then act(sum + bias[n]).
struct LinearBlocks {
  const int8_t* x;  // what quantize_blocks made of all rows
  const std::byte* data;
  const int64_t* panel_at;  // [panels] where each begins, in bytes
  const BlockForm* form;    // [panels]
  const float* bias;        // [panels * 16]
  Out out;
  int64_t rows, k, n;
  Act act;
};

// One text and one head of softmax(q k^T * scale) v. Rows are the text's.
struct AttentionHead {
  const float* q;
  const float* k;
  const float* v;
  float* out;
  int64_t q_stride, k_stride, v_stride, out_stride;  // elements from token to token
  int64_t queries, keys;
  int64_t head_size;
  float scale;
  int64_t window;  // 0: every key; else query i sees keys j with |i - j| <= window
  float* scratch;  // attention_scratch_floats(keys, head_size), 64-byte aligned
};

struct AddLayerNorm {
  const float* x;
  const float* residual;  // or null
  const float* weight;
  const float* bias;
  float* out;
  int64_t cols;
  float eps;
};

struct RmsNorm {
  const float *x, *weight;
  float* out;
  int64_t cols;
  float eps;
};

struct Rope {
  const float* x;       // [planes * tokens, cols]
  const float* angles;  // [tokens, cols]: cosines, then sines
  float* out;
  int64_t tokens, cols;
};

struct Gated {
  const float* x;  // [rows, 2 * cols]
  float* out;      // [rows, cols]
  int64_t cols;
  Act act;
};

// One text's new tokens over one head of keys and values in pages (KvPages says the layout). Rows
// are the group's query heads of each token, token by token; row i is of token i / group and sees
// keys [0, past + i / group].
struct CachedHead {
  const float* q;       // head 0 of the group: [tokens, head_size]
  int64_t q_stride;     // elements from query head to query head
  float* out;           // token 0, head 0 of the group; heads head_size apart
  int64_t out_stride;   // elements from token to token
  const float *k, *v;   // page 0 of this kv head
  int64_t page_stride;  // elements from page to page
  const int32_t* pages;
  int64_t group, past, head_size;
  float scale;
  float* scratch;  // cached_scratch_floats(head_size), 64-byte aligned
};

struct EmbedTable {
  const void* rows;  // f32, or u8 with (stored - zero) * scale
  bool u8;
  float scale;
  int32_t zero;
};

struct EmbedSum {
  EmbedTable tables[3];
  const int32_t* indices[3];  // one a token, per table
  int count;                  // tables used
  float* out;
  int64_t cols;
};

struct Isa {
  const char* name;
  int row_tile;    // rows that the linear kernels compute at once: ranges that are multiples of it
                   // waste nothing
  int panel_tile;  // panels at once
  void (*linear_f32)(const LinearF32&, int64_t row_begin, int64_t row_end, int64_t panel_begin,
                     int64_t panel_end);
  void (*linear_i8)(const LinearI8&, int64_t row_begin, int64_t row_end, int64_t panel_begin,
                    int64_t panel_end);
  const char* linear_i8_name;
  void (*attention_head)(const AttentionHead&);
  void (*cached_head)(const CachedHead&, int64_t row_begin, int64_t row_end);
  void (*add_layer_norm)(const AddLayerNorm&, int64_t row_begin, int64_t row_end);
  void (*embed_sum)(const EmbedSum&, int64_t row_begin, int64_t row_end);
  void (*gelu)(const float* x, float* out, int64_t count);
  void (*rms_norm)(const RmsNorm&, int64_t row_begin, int64_t row_end);
  void (*rope)(const Rope&, int64_t row_begin, int64_t row_end);
  void (*gated)(const Gated&, int64_t row_begin, int64_t row_end);
  void (*add)(const float* x, const float* y, float* out, int64_t count);
  void (*linear_16bit)(const Linear16Bit&, int64_t row_begin, int64_t row_end, int64_t panel_begin,
                       int64_t panel_end);
  int block_row_tile;
  void (*quantize_blocks)(const QuantizeBlocks&, int64_t row_begin, int64_t row_end);
  void (*linear_blocks)(const LinearBlocks&, int64_t row_begin, int64_t row_end,
                        int64_t panel_begin, int64_t panel_end);
  bool i8_steps;  // linear_i8 reads steps rather than panels
  // Multiply-adds from registers, on and on; returns the operations (fma.inl).
  double (*fma_steps)(int64_t steps, float* sink);
};

// Tokens of a page of keys and values: two panels of keys.
constexpr int64_t kPageTokens = 32;

// Attention walks the keys of a text in blocks of this many, from the first.
constexpr int64_t kKeyBlock = 256;
constexpr int64_t kMaxRowTile = 12;
constexpr int64_t kMaxHeadSize = 256;
// From row to row of a tile's queries and scores: a cache line more than a power of two, or rows
// would share cache sets.
constexpr int kQueryStride = kMaxHeadSize + 16, kScoreStride = kKeyBlock + 16;

// Bytes of scratch that linear_i8 wants for a range: tiles of quantised rows, their scales and zero
// points, and a tile's rows before they are laid out.
constexpr int64_t i8_scratch_bytes(int64_t rows, int64_t k4) {
  return rows * (k4 * 4 + 8) + kMaxRowTile * k4 * 4;
}

// Floats of scratch that attention_head wants: packed keys and values, a tile of queries, scores
// and sums.
constexpr int64_t attention_scratch_floats(int64_t keys, int64_t head_size) {
  const int64_t keys16 = (keys + 15) / 16 * 16, size16 = (head_size + 15) / 16 * 16;
  return keys16 * head_size + keys * size16 + kMaxRowTile * (kQueryStride + kScoreStride + size16);
}

// Floats of scratch that cached_head wants: a tile of queries, scores and sums.
constexpr int64_t cached_scratch_floats(int64_t head_size) {
  return kMaxRowTile * (kQueryStride + kScoreStride + (head_size + 15) / 16 * 16);
}

// Null where this build or this processor lacks the instructions.
const Isa* plain_isa();
const Isa* avx2_isa();
const Isa* avx512_isa();  // F, BW, DQ, VL and VNNI

}  // namespace winnow::cpu
