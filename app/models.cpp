// winnow models: what is in the caches.
#include <algorithm>
#include <memory>

#include "app/commands.h"
#include "app/result_stream.h"
#include "base/json.h"
#include "base/progress.h"
#include "hub/cache.h"
#include "hub/known_models.h"

namespace winnow {
namespace {

struct Flags {
  bool json = false, names = false;
};

const char* source_name(ModelSource source) {
  return source == ModelSource::kNamed ? "winnow" : "hub";
}

std::string models_json(const std::vector<CachedModel>& models) {
  JsonWriter json;
  json.begin_object().key("models").begin_array();
  for (const CachedModel& model : models)
    json.begin_object()
        .member("name", model.name)
        .member("bytes", model.bytes)
        .member("source", source_name(model.source))
        .member("folder", model.folder)
        .end_object();
  return json.end_array().end_object().take();
}

// Columns for a person, tabs and plain bytes for a program.
void write_table(ResultStream& out, const std::vector<CachedModel>& models) {
  size_t widest = 4;
  for (const CachedModel& model : models) widest = std::max(widest, model.name.size());
  for (const CachedModel& model : models) {
    if (!out.is_terminal()) {
      out.line(model.name + "\t" + std::to_string(model.bytes) + "\t" + source_name(model.source) +
               "\t" + model.folder);
      continue;
    }
    const std::string size = human_bytes(model.bytes);
    out.line(model.name + std::string(widest - model.name.size() + 2, ' ') +
             std::string(size.size() < 9 ? 9 - size.size() : 0, ' ') + size + "  " + model.folder);
  }
}

int run(const Flags& flags) {
  const std::vector<CachedModel> models = cached_models();
  ResultStream out;
  if (flags.json) {
    out.line(models_json(models));
  } else if (flags.names) {
    for (const CachedModel& model : models) out.line(model.name);
  } else {
    write_table(out, models);
    for (const KnownModel& known : known_models())
      if (std::none_of(models.begin(), models.end(),
                       [&](const CachedModel& m) { return m.name == known.name; }))
        std::fprintf(stderr, "not here yet: %s (%s); winnow pull %s gets it\n", known.name.c_str(),
                     known.what.c_str(), known.name.c_str());
  }
  out.finish();
  return 0;
}

}  // namespace

Command add_models(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app =
      program.add_subcommand("models", "List the models on this machine, with their sizes");
  app->add_flag("--json", flags->json, "Print one JSON object");
  app->add_flag("--names", flags->names, "Print the names alone, one a line");
  app->footer("Example:\n  winnow models --json");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace winnow
