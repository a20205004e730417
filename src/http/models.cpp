#include "http/models.h"

#include <algorithm>
#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"

namespace winnow {
namespace {

std::string_view refusal(Need need) {
  switch (need) {
    case Need::kRerank:
      return "model is not a re-ranker model";
    case Need::kEmbed:
      return "model is not an embedding model";
    case Need::kClassify:
      return "model is not a classifier model";
    case Need::kGenerate:
      return "model is not a generator";
    case Need::kTokenize:
      break;
  }
  return "no model is loaded";
}

bool made_for(ModelKind kind, Need need) {
  return need == Need::kClassify ? kind == ModelKind::kClassifier : can(kind, need);
}

size_t default_model(std::span<const ModelInfo* const> models, Need need) {
  for (size_t i = 0; i < models.size(); ++i)
    if (made_for(models[i]->kind, need)) return i;
  for (size_t i = 0; i < models.size(); ++i)
    if (can(models[i]->kind, need)) return i;
  fail(Code::kUnsupported, refusal(need));
}

std::string names_of(std::span<const ModelInfo* const> models) {
  std::string names;
  for (const ModelInfo* model : models) names += (names.empty() ? "" : ", ") + model->name;
  return names;
}

}  // namespace

bool can(ModelKind kind, Need need) {
  switch (need) {
    case Need::kRerank:
      return kind == ModelKind::kReranker;
    case Need::kEmbed:
      return kind == ModelKind::kEmbedder;
    case Need::kClassify:
      return kind == ModelKind::kReranker || kind == ModelKind::kClassifier;
    case Need::kGenerate:
      return kind == ModelKind::kGenerator;
    case Need::kTokenize:
      return true;
  }
  return false;
}

size_t choose_model(std::span<const ModelInfo* const> models, Need need, std::string_view name,
                    UnknownModel unknown) {
  if (name.empty()) return default_model(models, need);
  for (size_t i = 0; i < models.size(); ++i) {
    if (models[i]->name != name) continue;
    if (!can(models[i]->kind, need)) fail(Code::kUnsupported, refusal(need), ": ", name);
    return i;
  }
  if (unknown == UnknownModel::kNotFound)
    fail(Code::kNotFound, "model `", name, "` not found: this server has ", names_of(models));
  return default_model(models, need);
}

Models::Models(std::vector<std::shared_ptr<Engine>> engines) : engines_(std::move(engines)) {
  for (const auto& engine : engines_) {
    infos_.push_back(&engine->info());
    const auto path =
        std::filesystem::path(engine->info().folder) / "config_sentence_transformers.json";
    prompts_.push_back(std::filesystem::exists(path)
                           ? parse_prompts(MappedFile::open(path)->text(), path.string())
                           : Prompts{});
    defaults_.push_back(engine->info().kind == ModelKind::kGenerator
                            ? read_generation_defaults(engine->info().folder)
                            : GenerationDefaults{});
  }
}

Engine& Models::choose(Need need, std::string_view name, UnknownModel unknown, Work& work) const {
  const size_t chosen = choose_model(infos_, need, name, unknown);
  work.model = infos_[chosen];
  if (!name.empty() && work.model->name != name)
    work.warnings.push_back(cat("no model is named `", name, "`, served by ", work.model->name));
  return *engines_[chosen];
}

const GenerationDefaults& Models::defaults(const Engine& engine) const {
  return defaults_[std::find(infos_.begin(), infos_.end(), &engine.info()) - infos_.begin()];
}

const std::string& Models::prompt(const Engine& engine, std::string_view prompt_name) const {
  static const std::string kNone;
  if (prompt_name.empty()) return kNone;
  const size_t index = std::find(infos_.begin(), infos_.end(), &engine.info()) - infos_.begin();
  const Prompts& prompts = prompts_[index];
  const auto found = prompts.find(std::string(prompt_name));
  if (found != prompts.end()) return found->second;
  std::string names;
  for (const auto& [name, text] : prompts) names += (names.empty() ? "" : ", ") + name;
  fail(Code::kInvalidArgument, "`prompt_name`: want one of the model's prompts (",
       names.empty() ? "it has none" : names, "), got ", prompt_name);
}

std::unordered_map<std::string, std::string> parse_prompts(std::string_view json,
                                                           std::string_view what) {
  std::unordered_map<std::string, std::string> prompts;
  if (const auto found = Json::parse(json, what).find("prompts"))
    for (const auto& [name, text] : found->members())
      if (text.is_string()) prompts.emplace(name, text.string());
  return prompts;
}

}  // namespace winnow
