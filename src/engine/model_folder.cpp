#include "engine/model_folder.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/mapped_file.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

std::optional<Json> read_json(const std::string& path) {
  if (!fs::exists(path)) return std::nullopt;
  return Json::parse(MappedFile::open(path)->text(), path);
}

std::optional<Pooling> read_pooling(const std::string& path) {
  const std::optional<Json> json = read_json(path);
  if (!json) return std::nullopt;
  if (json->boolean("pooling_mode_cls_token", false)) return Pooling::kCls;
  if (json->boolean("pooling_mode_mean_tokens", false)) return Pooling::kMean;
  fail(Code::kUnsupported, path,
       ": want pooling_mode_cls_token or pooling_mode_mean_tokens, got neither");
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
  out.pooling = read_pooling(folder + "/1_Pooling/config.json");
  lower(out.max_length, read_json(folder + "/tokenizer_config.json"), "model_max_length");
  lower(out.max_length, read_json(folder + "/sentence_bert_config.json"), "max_seq_length");
  return out;
}

}  // namespace winnow
