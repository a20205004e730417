// winnow pull: fetches models.
#include "hub/pull.h"

#include <memory>

#include "app/commands.h"
#include "app/result_stream.h"
#include "hub/known_models.h"

namespace winnow {
namespace {

struct Flags {
  std::vector<std::string> models;
  bool offline = false, quiet = false;
};

int run(const Flags& flags) {
  ResultStream out;
  for (const std::string& model : flags.models)
    out.line(pull(model, {.progress = !flags.quiet, .offline = flags.offline}));
  out.finish();
  return 0;
}

}  // namespace

Command add_pull(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app =
      program.add_subcommand("pull", "Fetch models into the cache and print their folders");
  app->add_option("MODEL", flags->models,
                  "A name that winnow knows, or a Hugging Face id: org/name, org/name@revision")
      ->required()
      ->type_name("");
  app->add_flag("--offline", flags->offline,
                "Use what is on disk, never the network (as HF_HUB_OFFLINE=1)");
  app->add_flag("--quiet", flags->quiet, "No progress bars");
  std::string footer = "Names that winnow knows:\n";
  for (const KnownModel& known : known_models())
    footer += "  " + known.name +
              std::string(known.name.size() < 22 ? 22 - known.name.size() : 1, ' ') + known.what +
              " (" + known.licence + ")\n";
  app->footer(footer +
              "\nExample:\n"
              "  winnow pull ms-marco-minilm-l12 bge-small-en\n"
              "  HF_TOKEN=... winnow pull cross-encoder/ms-marco-MiniLM-L-6-v2");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace winnow
