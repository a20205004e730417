#include "models/decoders.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace winnow {
namespace {

struct Row {
  std::string_view architecture;  // as transformers names the class
  std::unique_ptr<Decoder> (*make)(const Json&, const Weights&);
  bool scores = false;  // has a `score` head
};
constexpr std::array<Row, 11> kRows{{
    {"LlamaForCausalLM", make_llama},
    {"MistralForCausalLM", make_llama},
    {"Qwen2ForCausalLM", make_llama},
    {"Qwen3ForCausalLM", make_qwen3},
    {"LlamaModel", make_llama},
    {"MistralModel", make_llama},
    {"Qwen2Model", make_llama},
    {"Qwen3Model", make_qwen3},
    {"LlamaForSequenceClassification", make_llama, true},
    {"Qwen2ForSequenceClassification", make_llama, true},
    {"Qwen3ForSequenceClassification", make_qwen3, true},
}};

const Row* row_of(const Json& config) {
  const std::optional<Json> names = config.find("architectures");
  if (!names || !names->is_array() || names->size() == 0) return nullptr;
  for (const Row& row : kRows)
    if (row.architecture == (*names)[0].string()) return &row;
  return nullptr;
}

// The language head: its own weights, or the embedding table's.
std::string_view head_name(const Json& config, const Weights& weights) {
  if (weights.has("lm_head.weight")) return "lm_head";
  if (!config.boolean("tie_word_embeddings", true))
    fail(Code::kNotFound, config.path(),
         ": tie_word_embeddings is false and the checkpoint has no lm_head.weight");
  return "model.embed_tokens";
}

}  // namespace

DecoderShape decoder_shape(const Json& config) {
  DecoderShape shape{};
  shape.layers = config.integer("num_hidden_layers");
  shape.heads = config.integer("num_attention_heads");
  shape.kv_heads = config.integer("num_key_value_heads", shape.heads);
  const int64_t hidden = config.integer("hidden_size");
  if (shape.layers < 1 || shape.heads < 1 || shape.kv_heads < 1 ||
      shape.heads % shape.kv_heads != 0)
    fail(Code::kCorrupt, config.path(), ": want layers, and heads in groups over kv heads, got ",
         shape.layers, " layers, ", shape.heads, " heads, ", shape.kv_heads, " kv heads");
  shape.head_size = config.integer("head_dim", hidden / shape.heads);
  shape.eps = static_cast<float>(config.number("rms_norm_eps", 1e-6));
  shape.max_positions = config.integer("max_position_embeddings");
  const std::string act = config.string("hidden_act", "silu");
  if (act != "silu") fail(Code::kUnsupported, config.path(), "hidden_act: want silu, got ", act);
  const std::optional<Json> window = config.find("sliding_window");
  const bool qwen = config.find("use_sliding_window").has_value();
  if (window && window->is_number() && (!qwen || config.boolean("use_sliding_window")))
    shape.max_positions = std::min(shape.max_positions, window->integer());
  return shape;
}

void check_qkv(const DecoderShape& shape, const Linear& qkv, const Json& config) {
  const int64_t want = (shape.heads + 2 * shape.kv_heads) * shape.head_size;
  if (qkv.out != want)
    fail(Code::kCorrupt, config.path(), ": want ", want, " rows of q, k and v (", shape.heads,
         " + 2 x ", shape.kv_heads, " heads of ", shape.head_size, "), got ", qkv.out);
}

bool is_decoder(const Json& config) { return row_of(config) != nullptr; }

DecoderNetwork build_decoder(const Json& config, const DecoderOutput& output,
                             const Weights& weights) {
  const Row* row = row_of(config);
  if (!row) {
    std::string known;
    for (const Row& r : kRows) known += (known.empty() ? "" : ", ") + std::string(r.architecture);
    fail(Code::kUnsupported, config.path(), ": architectures: want one of ", known);
  }
  DecoderNetwork network;
  network.architecture = row->architecture;
  network.model = row->make(config, weights);
  if (row->scores)
    network.head = weights.linear({"score"}, DType::f32);
  else if (const auto* two = std::get_if<TwoTokens>(&output))
    network.head = weights.rows(head_name(config, weights), std::array{two->no, two->yes});
  else if (std::holds_alternative<NextToken>(output))
    network.head = weights.linear(head_name(config, weights));
  return network;
}

}  // namespace winnow
