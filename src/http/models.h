// The models of a server by name, and which of them serves a request.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/engine.h"
#include "engine/generation_defaults.h"
#include "http/message.h"

namespace winnow {

// What a route asks of its model. A reranker can classify: it has one label.
enum class Need { kRerank, kEmbed, kClassify, kGenerate, kTokenize };

// What to do with a `model` that no engine has: TEI's routes serve the default, the others are 404.
enum class UnknownModel { kDefault, kNotFound };

// Whether a model of that kind can serve the need.
bool can(ModelKind kind, Need need);

// The index of the model of that name, else the first that can. A model whose kind is made for the
// need goes before one that merely can. Throws kUnsupported when the named model or none can, in
// TEI's words; kNotFound as asked.
size_t choose_model(std::span<const ModelInfo* const> models, Need need, std::string_view name,
                    UnknownModel unknown);

// Immutable and thread-safe.
class Models {
 public:
  // Reads each model's prompts (config_sentence_transformers.json) and a generator's sampling
  // (generation_config.json) from its folder where it has some.
  explicit Models(std::vector<std::shared_ptr<Engine>> engines);

  // As choose_model; notes the model, and a warning for an unknown name, in `work`.
  Engine& choose(Need need, std::string_view name, UnknownModel unknown, Work& work) const;

  // The text that goes before each input. Throws kInvalidArgument, naming the prompts there are.
  const std::string& prompt(const Engine& engine, std::string_view prompt_name) const;

  // What a generator's folder says of sampling.
  const GenerationDefaults& defaults(const Engine& engine) const;

  std::span<const ModelInfo* const> infos() const { return infos_; }
  const std::vector<std::shared_ptr<Engine>>& engines() const { return engines_; }

 private:
  using Prompts = std::unordered_map<std::string, std::string>;

  std::vector<std::shared_ptr<Engine>> engines_;
  std::vector<const ModelInfo*> infos_;       // of engines_
  std::vector<Prompts> prompts_;              // of engines_
  std::vector<GenerationDefaults> defaults_;  // of engines_
};

// The `prompts` of a config_sentence_transformers.json.
std::unordered_map<std::string, std::string> parse_prompts(std::string_view json,
                                                           std::string_view what);

}  // namespace winnow
