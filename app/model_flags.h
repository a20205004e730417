// The flags of every command that uses a model, and the model they ask for.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "app/settings.h"
#include "engine/engine.h"

namespace winnow {

inline constexpr const char* kDefaultReranker = "ms-marco-minilm-l12";
inline constexpr const char* kDefaultEmbedder = "bge-small-en";
inline constexpr const char* kDefaultGenerator = "smollm2-135m";

struct ModelFlags {
  std::string model;  // empty: the settings' or the default
  std::string config;
  bool pull = false;
};

// What the engine computes with; flags that are absent leave it to winnow.yaml, then to
// EngineOptions.
struct ComputeFlags {
  std::optional<std::string> device, dtype, max_memory, pooling;
  std::optional<std::string> task, kv_cache;  // of decoders
  std::optional<int64_t> threads;
  Limits limits;
  std::optional<std::string> prompt_preset, prompt_file, instruction;  // of yes/no rerankers
};

// --config.
void add_config_flag(CLI::App& command, std::string& config);
// -m, --pull and --config; the help names `fallback` as what is used without -m.
void add_model_flags(CLI::App& command, ModelFlags& flags, const std::string& fallback);
// --device, --dtype, --max-memory and --threads.
void add_compute_flags(CLI::App& command, ComputeFlags& flags);
// One flag for the limit of that name in limit_keys().
void add_limit_flag(CLI::App& command, const std::string& name, Limits& limits);

// --pooling.
void add_pooling_flag(CLI::App& command, ComputeFlags& flags);

// --prompt-preset, --prompt-file and --instruction.
void add_prompt_flags(CLI::App& command, ComputeFlags& flags);
// --kv-cache.
void add_kv_cache_flag(CLI::App& command, ComputeFlags& flags);
// MODEL, and the flags of a command that generates: --pull, --config, --dtype, --threads,
// --kv-cache, --max-length.
void add_generator_flags(CLI::App& command, ModelFlags& model, ComputeFlags& compute);

// The limits of the flags, and the settings' where there is no flag.
Limits merged(const Limits& flags, const Limits& settings);

// The folder of a model. A name among the settings' models is its place there. Throws kNotFound
// with the command that would fetch it; with `pull` fetches it instead.
std::string model_folder(const ModelEntry& model, const Settings& settings, bool pull);

// What to load for a model: flags beat settings, settings beat what winnow knows of the model, that
// beats the defaults. Without a name of its own a model goes by its known name or hub id, and a
// folder by its last part. Throws as model_folder.
EngineOptions engine_options(const ModelEntry& model, const ComputeFlags& flags,
                             const Settings& settings, bool pull);

// Loads what -m names, else `fallback`.
std::unique_ptr<Engine> load_engine(const ModelFlags& flags, const ComputeFlags& compute,
                                    const Settings& settings, const std::string& fallback);

}  // namespace winnow
