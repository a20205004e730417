#include "app/model_flags.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "app/documents.h"
#include "base/error.h"
#include "hub/cache.h"
#include "hub/known_models.h"
#include "hub/pull.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

// A known name or hub id as it is, a folder's last part.
std::string served_name(const std::string& model) {
  if (!fs::is_directory(model)) return model;
  const fs::path path = fs::absolute(model).lexically_normal();
  return (path.has_filename() ? path : path.parent_path()).filename().string();
}

// The pooling of a model that winnow pull fetched, where its files leave it open; else "auto".
std::string known_pooling(const std::string& folder) {
  for (const KnownModel& known : known_models())
    if (!known.pooling.empty() &&
        fs::absolute(folder).lexically_normal() ==
            (fs::absolute(models_folder()) / known.name).lexically_normal())
      return known.pooling;
  return "auto";
}

}  // namespace

void add_config_flag(CLI::App& command, std::string& config) {
  command
      .add_option(
          "--config", config,
          "Settings file; without it ./winnow.yaml, then winnow/winnow.yaml in $XDG_CONFIG_HOME")
      ->type_name("FILE");
}

void add_model_flags(CLI::App& command, ModelFlags& flags, const std::string& fallback) {
  command
      .add_option("-m,--model", flags.model,
                  "A known name, a folder, or a Hugging Face id; without it " + fallback)
      ->type_name("MODEL");
  command.add_flag("--pull", flags.pull, "Fetch the model first when it is not on this machine");
  add_config_flag(command, flags.config);
}

void add_compute_flags(CLI::App& command, ComputeFlags& flags) {
  command
      .add_option(
          "--device", flags.device,
          "cpu, cuda (every GPU), cuda:0, cuda:0,1 ...; auto: GPUs where there are any, for "
          "int8 the CPU")
      ->type_name("DEVICE");
  command
      .add_option(
          "--dtype", flags.dtype,
          "What to compute in; auto is int8 on a CPU where the file's weights are, and on a "
          "GPU f16, for decoders bf16")
      ->check(CLI::IsMember(dtype_names()))
      ->type_name("TYPE");
  command
      .add_option("--max-memory", flags.max_memory,
                  "Of each GPU's memory: a share as 0.8, which is what it is without, or a size as "
                  "40G")
      ->type_name("SIZE");
  command
      .add_option("--threads", flags.threads,
                  "Threads that compute; without it every CPU this process may use")
      ->check(CLI::Range(1, 1024).description(""))
      ->type_name("N");
}

void add_pooling_flag(CLI::App& command, ComputeFlags& flags) {
  command
      .add_option("--pooling", flags.pooling, "For an embedder whose files do not say how to pool")
      ->check(CLI::IsMember(
          {"auto", "cls", "mean", "max", "mean_sqrt_len", "weightedmean", "lasttoken"}))
      ->type_name("POOLING");
}

void add_prompt_flags(CLI::App& command, ComputeFlags& flags) {
  std::vector<std::string> names;
  for (const YesNoPrompt& preset : yes_no_presets()) names.push_back(preset.name);
  CLI::Option* preset =
      command
          .add_option("--prompt-preset", flags.prompt_preset,
                      "How a language model is asked for yes or no; without it as its files say")
          ->check(CLI::IsMember(names))
          ->type_name("NAME");
  command
      .add_option("--prompt-file", flags.prompt_file,
                  "A prompt of your own: YAML or JSON with prefix, body, suffix ...")
      ->type_name("FILE")
      ->excludes(preset);
  command
      .add_option("--instruction", flags.instruction,
                  "What such a model judges by, where a request does not say")
      ->type_name("TEXT");
}

void add_limit_flag(CLI::App& command, const std::string& name, Limits& limits) {
  for (const LimitKey& key : limit_keys()) {
    if (key.name != name) continue;
    std::string flag = "--" + name;
    std::replace(flag.begin(), flag.end(), '_', '-');
    command.add_option(flag, limits.*key.member, key.help)
        ->check(CLI::Range(key.least, kMostOfLimit).description(""))
        ->type_name("N");
    return;
  }
  fail(Code::kInternal, "add_limit_flag: want a limit's name, got ", name);
}

void add_kv_cache_flag(CLI::App& command, ComputeFlags& flags) {
  command
      .add_option(
          "--kv-cache", flags.kv_cache,
          "Memory for what a decoder remembers of texts, as 512M or 2G; without it a quarter "
          "of the machine's at most")
      ->type_name("SIZE");
}

void add_generator_flags(CLI::App& command, ModelFlags& model, ComputeFlags& compute) {
  command
      .add_option("MODEL", model.model,
                  std::string("A known name, a folder, or a Hugging Face id; without it ") +
                      kDefaultGenerator)
      ->type_name("");
  command.add_flag("--pull", model.pull, "Fetch the model first when it is not on this machine");
  add_config_flag(command, model.config);
  add_compute_flags(command, compute);
  add_kv_cache_flag(command, compute);
  add_limit_flag(command, "max_length", compute.limits);
  compute.task = "generate";
}

Limits merged(const Limits& flags, const Limits& settings) {
  Limits limits = settings;
  for (const LimitKey& key : limit_keys())
    if (flags.*key.member) limits.*key.member = flags.*key.member;
  return limits;
}

std::string model_folder(const ModelEntry& model, const Settings& settings, bool pull_absent) {
  std::string place = model.place;
  for (const ModelEntry& entry : settings.models)
    if (entry.name == model.place) place = entry.place;
  try {
    return resolve_model(place);
  } catch (const Error& e) {
    if (e.code() != Code::kNotFound || !pull_absent) throw;
    return pull(place);
  }
}

EngineOptions engine_options(const ModelEntry& model, const ComputeFlags& flags,
                             const Settings& settings, bool pull_absent) {
  EngineOptions options;
  options.folder = model_folder(model, settings, pull_absent);
  options.name = model.name.empty() ? served_name(model.place) : model.name;
  options.device = flags.device.value_or(settings.device.value_or(options.device));
  options.dtype = flags.dtype.value_or(settings.dtype.value_or(options.dtype));
  if (const auto& size = flags.max_memory ? flags.max_memory : settings.max_memory)
    options.max_memory = parse_share(*size, flags.max_memory ? "--max-memory" : "max_memory");
  options.pooling = flags.pooling.value_or(settings.pooling.value_or(options.pooling));
  if (options.pooling == "auto") options.pooling = known_pooling(options.folder);
  options.task = flags.task.value_or(settings.task.value_or(options.task));
  if (const auto size = flags.kv_cache ? flags.kv_cache : settings.kv_cache)
    options.kv_cache_bytes = parse_size(*size, "kv-cache");
  options.threads =
      static_cast<int>(flags.threads.value_or(settings.threads.value_or(options.threads)));
  const Limits limits = merged(flags.limits, settings.limits);
  options.max_length = static_cast<int>(limits.max_length.value_or(options.max_length));
  options.max_batch_tokens =
      static_cast<int>(limits.max_batch_tokens.value_or(options.max_batch_tokens));
  options.max_queue_tokens =
      static_cast<int>(limits.max_queue_tokens.value_or(options.max_queue_tokens));
  if (flags.prompt_file)
    options.yes_no_prompt =
        parse_prompt(read_input(*flags.prompt_file), input_name(*flags.prompt_file));
  else if (flags.prompt_preset)
    options.yes_no_preset = *flags.prompt_preset;
  else
    options.yes_no_prompt = settings.prompt;
  options.yes_no_instruction =
      flags.instruction.value_or(settings.instruction.value_or(options.yes_no_instruction));
  return options;
}

std::unique_ptr<Engine> load_engine(const ModelFlags& flags, const ComputeFlags& compute,
                                    const Settings& settings, const std::string& fallback) {
  const std::string& model = flags.model.empty() ? fallback : flags.model;
  auto engine = Engine::load(engine_options({"", model}, compute, settings, flags.pull));
  if (engine->info().pooling_is_default)
    std::fprintf(stderr,
                 "winnow: note: %s does not say how to pool: taking the mean, as "
                 "sentence-transformers does; --pooling says otherwise\n",
                 engine->info().name.c_str());
  return engine;
}

}  // namespace winnow
