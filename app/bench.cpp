// winnow bench: how fast a model is on this machine, beside what its device can do at most.
#include <algorithm>
#include <memory>

#include "app/bench_run.h"
#include "app/commands.h"
#include "app/model_flags.h"

namespace winnow {
namespace {

struct Flags {
  ModelFlags model;
  ComputeFlags compute;
  BenchOptions options;
  bool json = false;
};

int run(const Flags& flags) {
  if (!flags.options.pairs.empty() && !flags.options.texts.empty())
    throw CLI::ValidationError("--pairs", "want --pairs or --texts, and not both");
  const Settings settings = load_settings(flags.model.config);
  const auto engine = load_engine(flags.model, flags.compute, settings,
                                  settings.reranker.value_or(kDefaultReranker));
  BenchReport report(flags.json);
  report.model(engine->info());
  if (engine->info().kind == ModelKind::kGenerator)
    bench_generator(*engine, flags.options, report);
  else
    bench_texts(*engine, flags.options, report);
  report.finish();
  return 0;
}

}  // namespace

Command add_bench(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app = program.add_subcommand(
      "bench", "Measure a model here: throughput, latency, and the device's own rate beside them");
  BenchOptions& options = flags->options;
  app->add_option("--pairs", options.pairs,
                  "For a reranker: JSONL with `query` and `document`; without it built-in texts of "
                  "natural lengths")
      ->type_name("FILE");
  app->add_option("--texts", options.texts,
                  "For an embedder, a classifier or a generator: texts one a line, or JSONL with "
                  "`text`")
      ->type_name("FILE");
  app->add_option("--seconds", options.seconds, "Measure for about so long in all; without it 20")
      ->check(CLI::Range(0.1, 86400.0).description(""))
      ->type_name("S");
  const auto number = [&](const char* name, int& value, const char* help) {
    app->add_option(name, value, help)
        ->check(CLI::Range(1, 1 << 20).description(""))
        ->type_name("N");
  };
  number("--documents", options.documents,
         "Documents or texts a call where throughput is measured; without it at most 100");
  number("--concurrency", options.concurrency,
         "Callers at once where throughput is measured, without it 4; of a generator the streams, "
         "without it 1, 8, 32 and 256");
  number("--tokens", options.tokens,
         "Built-in texts of so many tokens each instead of natural lengths");
  app->add_flag("--json", flags->json, "Print a JSON object a line, one a measurement");
  add_model_flags(*app, flags->model, kDefaultReranker);
  add_compute_flags(*app, flags->compute);
  add_prompt_flags(*app, flags->compute);
  add_pooling_flag(*app, flags->compute);
  add_kv_cache_flag(*app, flags->compute);
  app->add_option("--task", flags->compute.task,
                  "What a decoder is for; auto is as its files say, else generate")
      ->check(CLI::IsMember({"auto", "generate", "rerank", "embed"}))
      ->type_name("TASK");
  add_limit_flag(*app, "max_length", flags->compute.limits);
  add_limit_flag(*app, "max_batch_tokens", flags->compute.limits);
  app->footer(
      "TFLOP/s are those of the linear layers and attention, without padding; the share is of the "
      "device's own rate, measured in the same run. A percentile stands where there were enough "
      "requests to say.\n\n"
      "Example:\n"
      "  winnow bench -m ms-marco-minilm-l12\n"
      "  winnow bench -m bge-small-en --texts documents.jsonl --json");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace winnow
