// Ops: the vocabulary models are written in. One Ops is one device, one stream and one arena.
// Not thread-safe: each executor makes its own. A returned tensor lives until the next pass begins.
// Work may still be under way when a verb returns; to_host waits for it.
//
// Letters, everywhere: T tokens in the batch, B texts, D hidden, H heads, E head size, F mlp size,
// V vocabulary, L labels. Batches are packed: [T, D] rows with the start of each text, never
// padded. "A device's activations" are f32 on the CPU; elsewhere Kernels::activations says what.
// Where a verb names no dtype, x may be f32 or the device's activations, and so is what it returns.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "ops/kernels.h"
#include "tensor/arena.h"

namespace winnow {

constexpr int64_t kMostBestTokens = 64;

class Ops {
 public:
  Ops(const Kernels& kernels, ThreadPool& pool);

  Arena& arena() { return arena_; }
  const Kernels& kernels() const { return kernels_; }
  Stream& stream() { return *stream_; }

  // Before each pass: every tensor of the last one is given back.
  void begin();

  // x [R, D] in the process's memory and in f32; on the CPU x itself. Waits for the device. Alive
  // until the next pass begins.
  Tensor to_host(const Tensor& x);

  // The sum of rows of one to three tables: out[t] = sum_i table_i[index_i[t]].
  //   tables [*, D] f32, or f16, bf16, u8 or blocks dequantised as they are read; indices [T] each;
  //   returns [T, D] in the device's activations; summed in f32.
  // Throws kInvalidArgument when an index is outside its table.
  struct Lookup {
    const Table& table;
    std::span<const int32_t> indices;
  };
  Tensor embed_sum(std::initializer_list<Lookup> lookups);

  // act(x w^T + b). x [T, K], w of K to N; returns [T, N]: in f32 for f32 weights, else in the
  // device's activations. Sums are in f32.
  // f32 weights: summed over k in order with fused multiply-add; f16 and bf16 ones too, widened
  // exactly. i8 weights: each row of x is
  // quantised to 8 bits with a scale and zero point of its own, products are exact. Blocks: rows of
  // x are quantised to 8 bits a group of 32, products are exact (cpu/isa.h, LinearBlocks). A row's
  // result depends on that row alone. An activation is fused: kGelu gives the bits of
  // gelu(linear(x, w)).
  Tensor linear(const Tensor& x, const Linear& w, Activation activation = Activation::kNone);

  // linear with its columns as heads of E: returns [N / E, T, E], the same values and bits as
  // linear's [T, N]. Throws kInvalidArgument when E does not divide N.
  Tensor linear_heads(const Tensor& x, const Linear& w, int64_t head_size);

  // residual + x w^T + b: add(residual, linear(x, w)), rounded once where the device has it as one.
  //   residual [T, N]; returns [T, N].
  Tensor linear_add(const Tensor& x, const Linear& w, const Tensor& residual);

  // act(x g^T) * (x u^T) for w of gate and up side by side, [2 F, K], marked as gated: the bits of
  // gated(linear(x, w), act), but rounded once where the device has it as one. Returns [T, F].
  Tensor linear_gated(const Tensor& x, const Linear& w, Activation activation);

  // linear(linear(x, up, activation), down): what stands between has 8 bits where both have, a
  // scale for each 128 columns.
  Tensor mlp(const Tensor& x, const Linear& up, Activation activation, const Linear& down);

  // linear whose result is f32 on every device: what a sampler or a score reads.
  Tensor logits(const Tensor& x, const Linear& w);

  // softmax(q k^T / sqrt(E)) v for each text and head, every query over all keys of its own text.
  //   q [H, Tq, E], k and v [H, T, E]; q_starts and k_starts [B + 1]; returns [Tq, H * E].
  // window above 0: a text's query i sees its keys j with |i - j| <= window alone; it has the same
  // bits with any number of queries. Source: Vaswani et al. 2017, eq. 1; Beltagy et al. 2020.
  struct Texts {
    std::span<const int32_t> q_starts, k_starts;
    int64_t window = 0;
  };
  Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Texts& texts);

  // Causal attention of new tokens over what their texts have so far: appends k and v to the cache,
  // then softmax(q k^T / sqrt(E)) v, each query over its text's keys up to its own position. Query
  // heads share kv heads in groups of H / K.
  //   q [H, T, E], k and v [K, T, E]; texts.starts [B + 1]; texts.positions [T]: absolute, one
  //   after the other in each text; texts.table: pages for all positions; returns [T, H * E].
  // A token's bits depend on its text's tokens alone: not on how many are computed at once, nor on
  // who wrote the earlier ones. Source: Kwon et al. 2023 (pages); Ainslie et al. 2023 (groups).
  // texts.table.copies: a text may go on behind what another text of the same call brings.
  struct CachedTexts {
    std::span<const int32_t> starts, positions;
    PageTable table;
  };
  Tensor attention_cached(const Tensor& q, const Tensor& k, const Tensor& v, const KvPages& cache,
                          const CachedTexts& texts);

  // A decoder layer's attention from its packed product: heads of q and k are normalized where
  // there are norms, rotated, and then as attention_cached; rounded as the verbs one after another
  // would. qkv [H + 2 K, T, E] as linear_heads made it, whose q is lost; angles [T, E]; returns
  // [T, H * E].
  struct Rotation {
    const Tensor& angles;
    const Floats *q_norm = nullptr, *k_norm = nullptr;  // [E], RMS norms
    float eps = 0.0f;                                   // of the norms
  };
  Tensor attention_rotated(const Tensor& qkv, const Rotation& rotation, const KvPages& cache,
                           const CachedTexts& texts);

  // The best `count` tokens of each row of logits [R, V] f32, best first, in the process's memory:
  // [R, count]. Of equal logits the smaller id. Waits for the device.
  std::vector<TokenLogit> best_tokens(const Tensor& logits, int64_t count);

  // The cosines, then the sines, of position * frequency for rotary embeddings: [T, 2 R], each
  // times scale. The angle is an f32 product, as in transformers; frequencies [R]. Returns f32.
  Tensor rope_angles(std::span<const int32_t> positions, std::span<const float> frequencies,
                     float scale = 1.0f);

  // Rotates the pairs (x_i, x_{i + E/2}) of each head by its token's angles: x [H, T, E], angles
  // [T, E]. Source: Su et al. 2021, eq. 34, in the half-split order of transformers.
  Tensor rope(const Tensor& x, const Tensor& angles);

  // x / sqrt(mean(x^2) + eps) * weight over the last dimension: x [..., D], weight [D]; sums in
  // f32. Source: Zhang & Sennrich 2019, eq. 4.
  Tensor rms_norm(const Tensor& x, const Floats& weight, float eps);

  // activation(x[:, :F]) * x[:, F:]: x [T, 2 F] to [T, F]. Source: Shazeer
  // 2020.
  Tensor gated(const Tensor& x, Activation activation);

  // x + y, of one shape.
  Tensor add(const Tensor& x, const Tensor& y);

  // layer_norm(x + residual): y = x + residual; (y - mean) / sqrt(variance + eps) * weight + bias,
  // over each row.
  //   x, residual [T, D]; weight, bias [D]; returns [T, D]. In f32 within; variance is the biased
  //   one, in two passes.
  // Source: Ba et al. 2016, eq. 4.
  Tensor add_layer_norm(const Tensor& x, const Tensor& residual, const Norm& norm, float eps);
  Tensor layer_norm(const Tensor& x, const Norm& norm, float eps);

  // The named rows of x [T, D], or of each plane of x [H, T, E], in that order: [R, D] or [H, R,
  // E].
  Tensor gather_rows(const Tensor& x, std::span<const int32_t> rows);

  // Each text's rows as one, by every kind, side by side: x [T, D], starts [B + 1] to [B, kinds *
  // D]. skips [B]: so many rows at each text's start do not count (but the weights of kWeightedMean
  // go on counting); empty: none. Sums in f32 in token order; returns f32. A text without rows that
  // count is 0.
  // Source: sentence-transformers, modules/pooling.py.
  Tensor pool_rows(const Tensor& x, std::span<const int32_t> starts, std::span<const int32_t> skips,
                   std::span<const Pooling> kinds);

  // Each row divided by its length: x / max(|x|, 1e-12). x [T, D]; sums of squares in f64; returns
  // f32.
  Tensor normalize_rows(const Tensor& x);

  // x * Phi(x), the exact form by the error function. Any shape.
  Tensor gelu(const Tensor& x);

  // Any shape.
  Tensor tanh(const Tensor& x);

 private:
  template <typename Args>
  void call(void (*kernel)(const Args&, Stream&), const char* verb, const Args& args) {
    if (kernel == nullptr)
      fail(Code::kUnsupported, verb, ": the device ", kernels_.device, " cannot do it yet");
    kernel(args, *stream_);
  }
  struct LinearForm {
    Activation activation = Activation::kNone;
    int64_t head_size = 0;  // 0: a matrix
    const Tensor* residual = nullptr;
    bool f32 = false;
    bool eighths = false;  // the result in 8 bits alone
  };
  Tensor linear_form(const char* verb, const Tensor& x, const Linear& w, const LinearForm& form);
  static void check_cached(const Tensor& q, const Tensor& k, const Tensor& v, const KvPages& cache,
                           const CachedTexts& texts);
  Tensor attend_cached(const Tensor& q, const Tensor& k, const Tensor& v, const KvPages& cache,
                       const CachedTexts& texts, bool appended);
  Tensor::Eighths make_eighths(int64_t rows, int64_t cols);
  Tensor make_heads(const Shape& shape, DType dtype);
  Tensor norm_rows(const char* verb, const Tensor& x, const Tensor* residual, const Norm& norm,
                   float eps);

  const Kernels& kernels_;
  std::unique_ptr<Stream> stream_;
  Arena arena_, host_arena_;
};

}  // namespace winnow
