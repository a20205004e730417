// From a checkpoint's config to a decoder with its head: one row an architecture.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/json.h"
#include "models/decoder.h"
#include "weights/weights.h"

namespace winnow {

// The keys that every decoder's config has.
struct DecoderShape {
  int64_t layers, heads, kv_heads, head_size, max_positions;
  float eps;  // of the RMS norms
};

// Throws kUnsupported for what no decoder here does (hidden_act other than silu), kCorrupt when
// heads and kv heads do not agree. A sliding window that is in use shortens max_positions to
// itself.
DecoderShape decoder_shape(const Json& config);

// Throws kCorrupt when a layer's q, k and v side by side are not of that shape.
void check_qkv(const DecoderShape& shape, const Linear& qkv, const Json& config);

// Architectures, one file each.
std::unique_ptr<Decoder> make_llama(const Json& config, const Weights& weights);
std::unique_ptr<Decoder> make_qwen3(const Json& config, const Weights& weights);

// What is wanted of a decoder's last hidden state.
struct NextToken {};  // a logit for every token of the vocabulary
struct TwoTokens {    // the logits of two tokens, in f32: what a yes/no reranker is asked
  int32_t no, yes;
};
struct LastHidden {};  // itself: an embedding
using DecoderOutput = std::variant<NextToken, TwoTokens, LastHidden>;

struct DecoderNetwork {
  std::string architecture;  // "Qwen3ForCausalLM"
  std::unique_ptr<Decoder> model;
  std::optional<Linear> head;  // none: the hidden state itself

  // [R, width] f32 of the tokens named in rows.
  Tensor run(Ops& f, const DecoderBatch& batch, KvCache& cache, std::span<const int32_t> rows,
             const LayerProbe& probe = {}) const {
    const Tensor hidden = model->forward(f, batch, cache, rows, probe);
    return head ? f.logits(hidden, *head) : hidden;
  }
  int64_t width() const { return head ? head->out : model->hidden_size(); }
};

// Whether the config names a decoder that winnow has.
bool is_decoder(const Json& config);

// output: what to put on it; a checkpoint with a `score` head (…ForSequenceClassification) has its
// own, in f32. Throws kUnsupported naming the architecture and those that winnow has, kNotFound
// naming what a checkpoint lacks.
DecoderNetwork build_decoder(const Json& config, const DecoderOutput& output,
                             const Weights& weights);

}  // namespace winnow
