#include "app/inspection.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "base/json_file.h"
#include "base/mapped_file.h"
#include "base/utf8.h"
#include "models/decoders.h"
#include "models/registry.h"
#include "text/tokenizer.h"
#include "weights/checkpoint.h"
#include "weights/gguf.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kShownElements = 8;

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// The first elements of an array, or all of a short one.
template <typename Elements>
void write_array(JsonWriter& json, const Elements& elements) {
  const bool is_long = elements.size() > 2 * kShownElements;
  if (is_long)
    json.begin_object().member("count", static_cast<int64_t>(elements.size())).key("first");
  json.begin_array();
  for (size_t i = 0; i < (is_long ? kShownElements : elements.size()); ++i) {
    if constexpr (std::is_same_v<typename Elements::value_type, std::string_view>) {
      json.value(repair_utf8(elements[i]));
    } else {
      json.value(elements[i]);
    }
  }
  json.end_array();
  if (is_long) json.end_object();
}

std::string fact_json(const GgufMetadata& metadata, const GgufValue& value) {
  JsonWriter json;
  if (value.type == GgufType::string) {
    json.value(repair_utf8(*metadata.string(value.key)));
  } else if (value.type == GgufType::boolean) {
    json.value(*metadata.boolean(value.key));
  } else if (value.type == GgufType::f32) {
    json.value(static_cast<float>(*metadata.number(value.key)));
  } else if (value.type == GgufType::f64 || value.type == GgufType::u64) {
    json.value(*metadata.number(value.key));
  } else if (value.type != GgufType::array) {
    json.value(*metadata.integer(value.key));
  } else if (value.element == GgufType::string) {
    write_array(json, metadata.strings(value.key));
  } else if (value.element == GgufType::f32 || value.element == GgufType::f64 ||
             value.element == GgufType::u64) {
    write_array(json, metadata.numbers(value.key));
  } else if (value.element == GgufType::boolean || value.element == GgufType::array) {
    json.begin_object().member("count", value.count).end_object();
  } else {
    write_array(json, metadata.integers(value.key));
  }
  return json.take();
}

std::string format_of(const std::string& path) {
  if (path.ends_with(".safetensors")) return "safetensors";
  if (path.ends_with(".safetensors.index.json")) return "safetensors, in shards";
  if (path.ends_with(".onnx")) return "onnx";
  return path.ends_with(".json") ? "pytorch, in shards" : "pytorch";
}

// A linear layer's weights in the engine's default form, a table as it lies.
int64_t memory_of(const StoredTensor& t) {
  const int64_t elements = t.shape.elements();
  if (is_blocked(t.dtype)) return t.bytes;
  if (t.dtype == DType::i64 || t.dtype == DType::i32 || t.dtype == DType::boolean) return 0;
  if (!t.quantization.scales.empty()) return elements + 4 * t.shape.dim(t.transposed ? 1 : 0);
  const bool table = t.name.find("embed") != std::string::npos && t.shape.rank() == 2;
  return table ? t.bytes : 4 * elements;
}

std::string task_of(const std::string& architecture, const Json& config,
                    const Checkpoint& checkpoint, bool pools) {
  if (architecture.ends_with("ForSequenceClassification")) {
    int64_t labels = config.integer("num_labels", 0);
    if (const auto named = config.find("id2label"); named && named->is_object())
      labels = static_cast<int64_t>(named->size());
    for (const char* head : {"classifier.weight", "classifier.out_proj.weight", "score.weight"})
      if (const StoredTensor* t = checkpoint.find(head); t && t->shape.rank() == 2)
        labels = t->shape.dim(t->transposed ? 1 : 0);
    return labels == 1 ? "reranker" : "classifier";
  }
  if (pools || architecture.ends_with("Model") || architecture.ends_with("ForMaskedLM"))
    return "embedder";
  return architecture.ends_with("ForCausalLM") ? "generator" : "";
}

std::string tokenizer_in(const std::string& folder) {
  for (const char* file : {"tokenizer.json", "vocab.txt", "sentencepiece.bpe.model",
                           "tokenizer.model", "vocab.json"}) {
    if (!exists(folder + "/" + file)) continue;
    try {
      return cat(file, ", ", Tokenizer::from_folder(folder)->vocab_size(), " tokens");
    } catch (const Error& error) {
      return cat(file, ", which winnow cannot read: ", error.what());
    }
  }
  return "";
}

std::string template_in(const std::string& folder) {
  if (exists(folder + "/chat_template.jinja")) return "chat_template.jinja";
  const std::string path = folder + "/tokenizer_config.json";
  if (exists(path) && Json::parse(MappedFile::open(path)->text(), path).find("chat_template"))
    return "tokenizer_config.json";
  return "";
}

// What a GGUF file has in itself of what other models have in files beside.
void add_gguf(Inspection& out, const GgufFile& file) {
  out.format = cat("gguf ", file.version());
  const GgufMetadata& metadata = file.metadata();
  for (const GgufTensor& t : file.tensors()) {
    std::string type(t.dtype ? name_of(*t.dtype) : t.type);
    out.tensors.push_back(
        {repair_utf8(t.name), std::move(type), t.shape, static_cast<int64_t>(t.data.size())});
  }
  for (const GgufValue& value : metadata.values())
    out.facts.push_back({repair_utf8(value.key), fact_json(metadata, value)});
  if (metadata.has("tokenizer.ggml.tokens")) {
    const std::string kind(metadata.string("tokenizer.ggml.model").value_or("unknown")),
        pre(metadata.string("tokenizer.ggml.pre").value_or(""));
    out.plan.tokenizer =
        cat("in the file: ", repair_utf8(kind), pre.empty() ? "" : "/", repair_utf8(pre), ", ",
            metadata.find("tokenizer.ggml.tokens")->count, " tokens");
  }
  if (metadata.has("tokenizer.chat_template")) out.plan.chat_template = "in the file";
}

void plan_for(Inspection& out, const Checkpoint& checkpoint, const std::string& folder) {
  LoadPlan& plan = out.plan;
  for (const StoredTensor* t : checkpoint.tensors()) plan.memory += memory_of(*t);
  const std::string config_path = folder + "/config.json";
  Json config;
  if (!folder.empty() && exists(config_path))
    config = Json::parse(MappedFile::open(config_path)->text(), config_path);
  if (config.is_null() || !config.find("architectures")) config = checkpoint.implied_config();
  const auto names = config.is_null() ? std::nullopt : config.find("architectures");
  if (!names || !names->is_array() || names->size() == 0 || !(*names)[0].is_string()) {
    plan.why_not = folder.empty() ? "a file alone does not say what model it is: name its folder"
                                  : "no config.json with `architectures`";
    return;
  }
  plan.architecture = repair_utf8((*names)[0].string());
  plan.known = is_encoder(config) || is_decoder(config);
  if (!plan.known) plan.why_not = "winnow does not have this architecture";
  const bool pools = exists(folder + "/1_Pooling/config.json");
  plan.task = task_of(plan.architecture, config, checkpoint, pools);
  if (is_colbert(config)) plan.task = "embedder";
  if (!folder.empty() && is_decoder(config)) plan.prompt = prompt_in(folder);
  if (!plan.prompt.empty()) plan.task = "reranker";
  // A head that shares the embeddings is packed once more.
  if (const StoredTensor* words = checkpoint.find("model.embed_tokens.weight");
      words && plan.task == "generator" && !checkpoint.find("lm_head.weight"))
    plan.memory += is_blocked(words->dtype) ? words->bytes : 4 * words->shape.elements();
}

}  // namespace

std::string named_prompt(const YesNoPrompt& prompt) {
  return (prompt.name.empty() ? "of its own" : prompt.name) +
         (prompt.verified ? "" : ", unverified");
}

std::string prompt_in(const std::string& folder) {
  const std::optional<Json> config = read_json(folder + "/config.json");
  if (config && config->find("architectures") && !is_decoder(*config)) return "";
  const auto preset =
      preset_for(config.value_or(Json()), fs::weakly_canonical(folder).filename().string(),
                 read_json(folder + "/1_LogitScore/config.json").value_or(Json()));
  return preset ? named_prompt(yes_no_preset(*preset)) : "";
}

Inspection inspect(const std::string& path) {
  Inspection out;
  const bool is_folder = fs::is_directory(path);
  const std::string folder = is_folder ? path : "";
  if (is_folder) {
    out.plan.tokenizer = tokenizer_in(path);
    out.plan.chat_template = template_in(path);
  }
  std::shared_ptr<const Checkpoint> checkpoint;
  const std::string gguf = is_folder                 ? Checkpoint::gguf_in(path)
                           : path.ends_with(".gguf") ? path
                                                     : std::string();
  try {
    if (!gguf.empty()) {
      out.path = gguf;
      add_gguf(out, *GgufFile::open(gguf));
      checkpoint = Checkpoint::open_gguf(gguf);
    } else {
      checkpoint = Checkpoint::open(path);
      out.path = checkpoint->path();
      out.format = format_of(out.path);
      for (const StoredTensor* t : checkpoint->tensors())
        out.tensors.push_back({t->name, std::string(name_of(t->dtype)), t->shape, t->bytes});
      if (out.format == "safetensors")
        for (const auto& [key, value] : Checkpoint::safetensors_metadata(out.path).members())
          out.facts.push_back({std::string(key), JsonWriter().value(value.string()).take()});
    }
    plan_for(out, *checkpoint, folder);
  } catch (const Error& error) {
    if (out.format.empty() || error.code() != Code::kUnsupported) throw;
    out.plan.why_not = error.what();  // the file can be looked into all the same
  }
  return out;
}

}  // namespace winnow
