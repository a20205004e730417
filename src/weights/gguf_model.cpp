#include "weights/gguf_model.h"

#include <array>
#include <charconv>

#include "weights/blame.h"
#include "weights/named_tensors.h"

namespace winnow {
namespace {

struct Architecture {
  std::string_view name, class_name;
  bool interleaved;  // the converter re-orders the rows of q and k
};
constexpr std::array<Architecture, 3> kArchitectures{{
    {"llama", "LlamaForCausalLM", true},
    {"qwen2", "Qwen2ForCausalLM", false},
    {"qwen3", "Qwen3ForCausalLM", false},
}};

using Renamed = std::pair<std::string_view, std::string_view>;
constexpr std::array<Renamed, 3> kOutside{{
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
}};
constexpr std::array<Renamed, 11> kInBlock{{
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
}};

template <size_t N>
std::string_view renamed(const std::array<Renamed, N>& table, std::string_view name) {
  for (const auto& [from, to] : table)
    if (from == name) return to;
  return {};
}

// The metadata of one architecture, as a config asks for it.
class Facts {
 public:
  Facts(const GgufFile& file, const Architecture& architecture)
      : file_(file), metadata_(file.metadata()), prefix_(cat(architecture.name, '.')) {}

  std::string key(std::string_view name) const { return prefix_ + std::string(name); }
  const std::string& path() const { return file_.path(); }

  int64_t size(std::string_view name) const {  // a count that a model cannot be without
    const std::optional<int64_t> value = maybe_size(name);
    if (!value) fail(Code::kCorrupt, path(), ": missing key `", key(name), '`');
    return *value;
  }
  std::optional<int64_t> maybe_size(std::string_view name) const {
    const GgufValue* value = metadata_.find(key(name));
    if (!value) return std::nullopt;
    const int64_t size =
        value->type == GgufType::array ? one_for_all(*value) : *metadata_.integer(key(name));
    if (size < 1 || size > INT32_MAX)
      corrupt(path(), value->offset, "key `", key(name), "`: want a number from 1 to 2^31, got ",
              size);
    return size;
  }
  std::optional<float> number(std::string_view name) const {
    const std::optional<double> value = metadata_.number(key(name));
    return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
  }
  std::string_view text(std::string_view name, std::string_view absent) const {
    return metadata_.string(key(name)).value_or(absent);
  }
  std::optional<int64_t> token(std::string_view name) const {
    return metadata_.integer(cat("tokenizer.ggml.", name, "_token_id"));
  }
  const GgufTensor* tensor(std::string_view name) const {
    for (const GgufTensor& tensor : file_.tensors())
      if (tensor.name == name) return &tensor;
    return nullptr;
  }

 private:
  // Some files have a number for each layer; winnow's layers are alike.
  int64_t one_for_all(const GgufValue& value) const {
    const std::vector<int64_t> all = metadata_.integers(value.key);
    for (const int64_t one : all)
      if (one != all.front())
        unsupported(path(), value.offset, "key ", shown_name(value.key),
                    ": want one number for all layers, got ", all.front(), " and ", one);
    return all.empty() ? 0 : all.front();
  }

  const GgufFile& file_;
  const GgufMetadata& metadata_;
  std::string prefix_;
};

const Architecture& architecture_of(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  const std::string_view name = metadata.string("general.architecture").value_or("");
  if (name.empty()) fail(Code::kCorrupt, file.path(), ": missing key `general.architecture`");
  if (const auto parts = metadata.integer("split.count"); parts && *parts > 1)
    fail(Code::kUnsupported, file.path(), ": want a whole model, got one of ", *parts,
         " parts: merge them with llama.cpp's `llama-gguf-split --merge`");
  std::string known;
  for (const Architecture& row : kArchitectures) {
    if (row.name == name) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  fail(Code::kUnsupported, file.path(), ": general.architecture: want one of ", known, ", got ",
       shown_name(name));
}

// rope_scaling, or null: also where the file has Llama-3's scheme as a tensor of factors.
void write_rope_scaling(JsonWriter& json, const Facts& facts) {
  json.key("rope_scaling");
  std::string_view type = facts.text("rope.scaling.type", "none");
  std::optional<float> factor = facts.number("rope.scaling.factor");
  if (!factor && facts.number("rope.scale_linear")) {  // the key of old files
    type = "linear";
    factor = facts.number("rope.scale_linear");
  }
  if (type == "none" || (type == "linear" && factor.value_or(1) == 1)) {
    json.null();
    return;
  }
  json.begin_object().member("rope_type", repair_utf8(type));
  if (factor) json.member("factor", *factor);
  if (const auto length = facts.maybe_size("rope.scaling.original_context_length"))
    json.member("original_max_position_embeddings", *length);
  if (const auto by = facts.number("rope.scaling.attn_factor"))
    json.member("attention_factor", *by);
  json.end_object();
}

void write_tokens(JsonWriter& json, const Facts& facts) {
  if (const auto id = facts.token("bos")) json.member("bos_token_id", *id);
  const auto end = facts.token("eos"), turn_end = facts.token("eot");
  if (end && turn_end && *end != *turn_end) {
    json.key("eos_token_id").begin_array().value(*end).value(*turn_end).end_array();
  } else if (end || turn_end) {
    json.member("eos_token_id", end ? *end : *turn_end);
  }
  if (const auto id = facts.token("padding")) json.member("pad_token_id", *id);
}

// The size of a head, from the file or by division.
int64_t head_size(const Facts& facts) {
  const int64_t hidden = facts.size("embedding_length"), heads = facts.size("attention.head_count");
  const auto stated = facts.maybe_size("attention.key_length");
  if (!stated && hidden % heads != 0)
    fail(Code::kCorrupt, facts.path(), ": want ", facts.key("embedding_length"),
         " to be a multiple of ", facts.key("attention.head_count"), ", got ", hidden, " and ",
         heads);
  const int64_t size = stated.value_or(hidden / heads);
  for (const char* name : {"attention.value_length", "rope.dimension_count"})
    if (const auto other = facts.maybe_size(name); other && *other != size)
      fail(Code::kUnsupported, facts.path(), ": want ", facts.key(name), " of ", size,
           ", the size of a head, got ", *other);
  return size;
}

Json config_of(const Facts& facts, const Architecture& architecture) {
  if (const auto experts = facts.maybe_size("expert_count"))
    fail(Code::kUnsupported, facts.path(), ": want a model without experts, got ",
         facts.key("expert_count"), " of ", *experts);
  const GgufTensor* words = facts.tensor("token_embd.weight");
  if (!words || words->shape.rank() != 2)
    fail(Code::kCorrupt, facts.path(), ": want a matrix `token_embd.weight`, got ",
         words ? cat(words->shape) : "none");
  if (const GgufTensor* factors = facts.tensor("rope_freqs.weight");
      factors && architecture.name != "llama")
    unsupported(facts.path(), factors->offset, "want no rope_freqs.weight in a model of ",
                architecture.name, ", got one");
  const int64_t heads = facts.size("attention.head_count");
  JsonWriter json;
  json.begin_object().key("architectures").begin_array();
  json.value(architecture.class_name).end_array().member("model_type", architecture.name);
  json.member("hidden_act", "silu");
  json.member("hidden_size", facts.size("embedding_length"));
  json.member("intermediate_size", facts.size("feed_forward_length"));
  json.member("num_hidden_layers", facts.size("block_count"));
  json.member("num_attention_heads", heads);
  json.member("num_key_value_heads", facts.maybe_size("attention.head_count_kv").value_or(heads));
  json.member("head_dim", head_size(facts));
  json.member("vocab_size", words->shape.dim(0));
  json.member("max_position_embeddings", facts.size("context_length"));
  const auto eps = facts.number("attention.layer_norm_rms_epsilon");
  if (!eps)
    fail(Code::kCorrupt, facts.path(), ": missing key `",
         facts.key("attention.layer_norm_rms_epsilon"), '`');
  json.member("rms_norm_eps", *eps);
  json.member("rope_theta", facts.number("rope.freq_base").value_or(10000.0f));
  write_rope_scaling(json, facts);
  json.member("attention_bias", facts.tensor("blk.0.attn_q.bias") != nullptr);
  json.member("tie_word_embeddings", facts.tensor("output.weight") == nullptr);
  write_tokens(json, facts);
  json.end_object();
  return Json::parse(json.text(), cat(facts.path(), ": its metadata as a config"));
}

class GgufCheckpoint final : public NamedTensors {
 public:
  GgufCheckpoint(const std::string& path, std::vector<StoredTensor> tensors,
                 std::shared_ptr<const GgufFile> file, Json config)
      : NamedTensors(path, std::move(tensors), {std::move(file)}), config_(std::move(config)) {}
  Json implied_config() const override { return config_; }

 private:
  Json config_;
};

StoredTensor stored(const GgufTensor& tensor, const std::string& path) {
  if (!tensor.dtype)
    unsupported(path, tensor.offset, "tensor ", shown_name(tensor.name),
                ": want F32, F16, BF16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K or Q6_K, got ",
                tensor.type);
  StoredTensor out;
  out.name = hugging_face_name(tensor.name);
  out.dtype = *tensor.dtype;
  out.shape = tensor.shape;
  out.data = tensor.data.data();
  out.bytes = static_cast<int64_t>(tensor.data.size());
  out.file_offset = tensor.offset;
  return out;
}

// Of so many heads, each of an even number of rows.
void interleave(StoredTensor& tensor, int64_t heads, const std::string& path) {
  const int64_t rows = tensor.shape.rank() > 0 ? tensor.shape.dim(0) : 0;
  if (rows == 0 || rows % (2 * heads) != 0)
    corrupt(path, tensor.file_offset, "tensor ", shown_name(tensor.name), ": want rows for ", heads,
            " heads of an even size, got ", tensor.shape);
  tensor.interleaved_heads = heads;
}

}  // namespace

std::string hugging_face_name(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::string(name);
  const std::string_view end = name.substr(dot);  // ".weight"
  std::string_view stem = name.substr(0, dot);
  if (const std::string_view to = renamed(kOutside, stem); !to.empty()) return cat(to, end);
  if (!stem.starts_with("blk.")) return std::string(name);
  stem.remove_prefix(4);
  const size_t digits = stem.find('.');
  if (digits == std::string_view::npos || digits == 0 ||
      stem.substr(0, digits).find_first_not_of("0123456789") != std::string_view::npos)
    return std::string(name);
  const std::string_view to = renamed(kInBlock, stem.substr(digits + 1));
  return to.empty() ? std::string(name)
                    : cat("model.layers.", stem.substr(0, digits), '.', to, end);
}

std::shared_ptr<const Checkpoint> gguf_checkpoint(std::shared_ptr<const GgufFile> file) {
  const Architecture& architecture = architecture_of(*file);
  Json config = config_of(Facts(*file, architecture), architecture);
  const int64_t heads = config.integer("num_attention_heads"),
                kv_heads = config.integer("num_key_value_heads");
  std::vector<StoredTensor> tensors;
  tensors.reserve(file->tensors().size());
  for (const GgufTensor& tensor : file->tensors()) {
    StoredTensor& out = tensors.emplace_back(stored(tensor, file->path()));
    if (!architecture.interleaved) continue;
    const bool q = out.name.find(".self_attn.q_proj.") != std::string::npos,
               k = out.name.find(".self_attn.k_proj.") != std::string::npos;
    if (q || k) interleave(out, q ? heads : kv_heads, file->path());
  }
  return std::make_shared<GgufCheckpoint>(file->path(), std::move(tensors), file,
                                          std::move(config));
}

}  // namespace winnow
