#include "engine/model_folder.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/json_file.h"
#include "engine/colbert_folder.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

// A dotted Python name's last part.
std::string last_part(const std::string& dotted) {
  return dotted.substr(dotted.rfind('.') + 1);  // npos + 1 is 0
}

// Two spellings: `pooling_mode`, a name or a list of them, or one boolean a mode, in the order that
// sentence-transformers joins them in.
Module read_pooling(const Json& json, const std::string& path) {
  Module module{.kind = Module::Kind::kPooling,
                .include_prompt = json.boolean("include_prompt", true)};
  if (const auto mode = json.find("pooling_mode")) {
    const bool list = mode->is_array();
    for (size_t i = 0; i < (list ? mode->size() : 1); ++i)
      module.pooling.push_back(pooling_named(list ? (*mode)[i].string() : mode->string()));
  } else {
    for (const char* key : {"cls_token", "max_tokens", "mean_tokens", "mean_sqrt_len_tokens",
                            "weightedmean_tokens", "lasttoken"})
      if (json.boolean(cat("pooling_mode_", key), std::string_view(key) == "mean_tokens"))
        module.pooling.push_back(pooling_named(key));
  }
  if (module.pooling.empty())
    fail(Code::kUnsupported, path, ": want a pooling_mode, got none that is true");
  return module;
}

std::optional<Module> read_module(const std::string& folder, const std::string& type,
                                  const std::string& path) {
  const std::string where = folder + "/" + path, file = where + "/config.json";
  const std::string kind = last_part(type);
  if (kind == "Transformer") return std::nullopt;
  if (kind == "Normalize") return Module{.kind = Module::Kind::kNormalize};
  const std::optional<Json> config = read_json(file);
  if (kind != "Pooling" && kind != "Dense" && kind != "LayerNorm")
    fail(Code::kUnsupported, folder,
         "/modules.json: want Transformer, Pooling, Dense, LayerNorm or Normalize, got ", type);
  if (!config) fail(Code::kNotFound, file, ": want the module's config, got no such file");
  if (kind == "Pooling") return read_pooling(*config, file);
  Module module{.kind = kind == "Dense" ? Module::Kind::kDense : Module::Kind::kLayerNorm};
  module.checkpoint = Checkpoint::open_folder(where);
  if (config->find("use_residual") && config->boolean("use_residual", false))
    fail(Code::kUnsupported, file, ": use_residual: want false, got true");
  if (kind == "Dense")
    module.activation =
        last_part(config->string("activation_function", "torch.nn.modules.activation.Tanh"));
  return module;
}

std::vector<Module> read_modules(const std::string& folder) {
  std::vector<Module> modules;
  const std::string list = folder + "/modules.json", alone = folder + "/1_Pooling/config.json";
  if (const std::optional<Json> json = read_json(list)) {
    for (size_t i = 0; i < json->size(); ++i)
      if (std::optional<Module> module = read_module(folder, std::string((*json)[i].string("type")),
                                                     (*json)[i].string("path", "")))
        modules.push_back(std::move(*module));
  } else if (const std::optional<Json> config = read_json(alone)) {
    modules.push_back(read_pooling(*config, alone));
  }
  return modules;
}

// bge-m3's side heads: `name`.safetensors, or the pickle that the checkpoint is published with.
std::shared_ptr<const Checkpoint> read_side_head(const std::string& folder, const char* name) {
  const std::string path = folder + "/" + name;
  for (const char* ending : {".safetensors", ".pt"})
    if (fs::exists(path + ending)) return Checkpoint::open(path + ending);
  return nullptr;
}

void read_prompts(const std::string& folder, ModelFolder& out) {
  const std::string path = folder + "/config_sentence_transformers.json";
  const std::optional<Json> json = read_json(path);
  if (!json) return;
  if (const auto prompts = json->find("prompts"); prompts && prompts->is_object())
    for (const auto& [name, text] : prompts->members())
      if (text.is_string()) out.prompts[std::string(name)] = text.string();
  out.default_prompt = json->string("default_prompt_name", "");
  if (!out.default_prompt.empty() && !out.prompts.contains(out.default_prompt))
    fail(Code::kCorrupt, path, ": default_prompt_name: want a name in prompts, got ",
         out.default_prompt);
}

// sentence-transformers' CrossEncoder: `sentence_transformers.activation_fn`, before version 4
// `sbert_ce_default_activation_function`; without either Sigmoid for one label.
bool read_sigmoid(const Json& config) {
  const auto inner = config.find("sentence_transformers");
  std::string name = inner && inner->is_object() ? inner->string("activation_fn", "") : "";
  if (name.empty()) name = config.string("sbert_ce_default_activation_function", "");
  if (name.empty() || last_part(name) == "Sigmoid") return true;
  if (last_part(name) != "Identity")
    fail(Code::kUnsupported, config.path(), "activation_fn: want Sigmoid or Identity, got ", name);
  return false;
}

// A length that means something: transformers writes 1e30 for "no limit".
void lower(std::optional<int64_t>& limit, const std::optional<Json>& json, std::string_view key) {
  if (!json) return;
  const std::optional<Json> value = json->find(key);
  if (!value || !value->is_number()) return;
  const double length = value->number();
  if (length >= 1 && length < 1e7)
    limit = std::min(limit.value_or(INT64_MAX), static_cast<int64_t>(length));
}

}  // namespace

ModelFolder read_model_folder(const std::string& folder, const Checkpoint& checkpoint) {
  ModelFolder out;
  const std::optional<Json> config = read_json(folder + "/config.json");
  out.config = config && config->find("architectures") ? *config : checkpoint.implied_config();
  if (out.config.is_null())
    fail(Code::kNotFound, folder, "/config.json: want a config with `architectures`, got ",
         config ? "one without" : "no such file");
  out.parts.modules = read_modules(folder);
  out.parts.sparse = read_side_head(folder, "sparse_linear");
  out.parts.multi = read_side_head(folder, "colbert_linear");
  // PyLate: modules on each token instead of a pooling.
  if (!out.parts.modules.empty() && out.parts.modules[0].kind == Module::Kind::kDense)
    out.parts.token_modules = std::exchange(out.parts.modules, {});
  if (!out.parts.token_modules.empty() || is_colbert(out.config))
    out.colbert = read_colbert_settings(folder, out.config);
  out.sigmoid = read_sigmoid(out.config);
  read_prompts(folder, out);
  lower(out.max_length, read_json(folder + "/tokenizer_config.json"), "model_max_length");
  lower(out.max_length, read_json(folder + "/sentence_bert_config.json"), "max_seq_length");
  return out;
}

}  // namespace winnow
