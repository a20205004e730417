#include "http/models.h"

#include "base/error.h"

namespace winnow {
namespace {

std::string_view refusal(Need need) {
  switch (need) {
    case Need::kRerank:
      return "model is not a re-ranker model";
    case Need::kEmbed:
      return "model is not an embedding model";
    case Need::kSparse:
      return "model is not a sparse embedding model";
    case Need::kClassify:
      return "model is not a classifier model";
    case Need::kGenerate:
      return "model is not a generator";
    case Need::kTokenize:
      break;
  }
  return "no model is loaded";
}

bool made_for(const ModelInfo& model, Need need) {
  if (need == Need::kClassify) return model.kind == ModelKind::kClassifier;
  if (need == Need::kRerank) return model.kind == ModelKind::kReranker;
  return can(model, need);
}

size_t default_model(std::span<const ModelInfo* const> models, Need need) {
  for (size_t i = 0; i < models.size(); ++i)
    if (made_for(*models[i], need)) return i;
  for (size_t i = 0; i < models.size(); ++i)
    if (can(*models[i], need)) return i;
  fail(Code::kUnsupported, refusal(need));
}

std::string names_of(std::span<const ModelInfo* const> models) {
  std::string names;
  for (const ModelInfo* model : models) names += (names.empty() ? "" : ", ") + model->name;
  return names;
}

}  // namespace

bool can(const ModelInfo& model, Need need) {
  switch (need) {
    case Need::kRerank:
      return model.kind == ModelKind::kReranker || model.multi_dimensions > 0;
    case Need::kEmbed:
      return model.kind == ModelKind::kEmbedder;
    case Need::kSparse:
      return model.sparse;
    case Need::kClassify:
      return model.kind == ModelKind::kReranker || model.kind == ModelKind::kClassifier;
    case Need::kGenerate:
      return model.kind == ModelKind::kGenerator;
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
    if (!can(*models[i], need)) fail(Code::kUnsupported, refusal(need), ": ", name);
    return i;
  }
  if (unknown == UnknownModel::kNotFound)
    fail(Code::kNotFound, "model `", name, "` not found: this server has ", names_of(models));
  return default_model(models, need);
}

Models::Models(std::vector<std::shared_ptr<Engine>> engines) : engines_(std::move(engines)) {
  for (const auto& engine : engines_) {
    infos_.push_back(&engine->info());
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

const std::string& prompt_of(const ModelInfo& model, std::string_view prompt_name) {
  static const std::string kNone;
  const std::string name(prompt_name.empty() ? model.default_prompt : prompt_name);
  if (name.empty()) return kNone;
  const auto found = model.prompts.find(name);
  if (found != model.prompts.end()) return found->second;
  if (model.query_and_document && (name == "query" || name == "document")) return kNone;
  std::string names;
  for (const auto& [known, text] : model.prompts) names += (names.empty() ? "" : ", ") + known;
  fail(Code::kInvalidArgument, "`prompt_name`: want one of the model's prompts (",
       names.empty() ? "it has none" : names, "), got ", name);
}

TextSide side_of(const ModelInfo& model, std::string_view prompt_name) {
  return model.query_and_document && prompt_name == "query" ? TextSide::kQuery
                                                            : TextSide::kDocument;
}

std::string prompt_for(const ModelInfo& model, std::string_view input_type) {
  if (input_type.empty()) return "";
  std::vector<std::string> names;
  if (input_type == "query" || input_type == "search_query")
    names = {"query"};
  else if (input_type == "document" || input_type == "search_document" || input_type == "passage")
    names = {"document", "passage"};
  else
    fail(Code::kInvalidArgument,
         "`input_type`: want query, search_query, document, search_document or passage, got ",
         input_type);
  for (std::string& name : names)
    if (model.prompts.contains(name)) return std::move(name);
  return "";
}

}  // namespace winnow
