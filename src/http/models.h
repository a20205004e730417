// The models of a server by name, and which of them serves a request.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "engine/generation_defaults.h"
#include "http/message.h"

namespace winnow {

// What a route asks of its model. A reranker can classify: it has one label.
// kSparse: an embedder that weighs tokens.
enum class Need { kRerank, kEmbed, kSparse, kClassify, kGenerate, kTokenize };

// What to do with a `model` that no engine has: TEI's routes serve the default, the others are 404.
enum class UnknownModel { kDefault, kNotFound };

// Whether the model can serve the need. An embedder with a vector a token can rerank by MaxSim.
bool can(const ModelInfo& model, Need need);

// The index of the model of that name, else the first that can. A model whose kind is made for the
// need goes before one that merely can. Throws kUnsupported when the named model or none can, in
// TEI's words; kNotFound as asked.
size_t choose_model(std::span<const ModelInfo* const> models, Need need, std::string_view name,
                    UnknownModel unknown);

// Immutable and thread-safe.
class Models {
 public:
  // Reads a generator's sampling (generation_config.json) from its folder where it has some.
  explicit Models(std::vector<std::shared_ptr<Engine>> engines);

  // As choose_model; notes the model, and a warning for an unknown name, in `work`.
  Engine& choose(Need need, std::string_view name, UnknownModel unknown, Work& work) const;

  // What a generator's folder says of sampling.
  const GenerationDefaults& defaults(const Engine& engine) const;

  std::span<const ModelInfo* const> infos() const { return infos_; }
  const std::vector<std::shared_ptr<Engine>>& engines() const { return engines_; }

 private:
  std::vector<std::shared_ptr<Engine>> engines_;
  std::vector<const ModelInfo*> infos_;       // of engines_
  std::vector<GenerationDefaults> defaults_;  // of engines_
};

// The text that goes before each input: of the prompt that is named, else of the model's default
// one. Throws kInvalidArgument, naming the prompts there are.
const std::string& prompt_of(const ModelInfo& model, std::string_view prompt_name);

// Which side of a late-interaction model the texts are: a query where prompt_name says so, else a
// document.
TextSide side_of(const ModelInfo& model, std::string_view prompt_name);

// The name of the prompt for an `input_type`: query (search_query), or document (passage,
// search_document), as far as the model has one; "" where it has none, or there is no input_type.
// Throws kInvalidArgument naming the types.
std::string prompt_for(const ModelInfo& model, std::string_view input_type);

}  // namespace winnow
