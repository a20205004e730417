// winnow serve: the HTTP server over one or more models.
#include <cstdio>
#include <memory>

#include "app/commands.h"
#include "app/model_flags.h"
#include "base/error.h"
#include "http/server.h"

namespace winnow {
namespace {

struct Flags {
  std::vector<std::string> models;
  std::string config;
  bool pull = false;
  ComputeFlags compute;
  std::optional<std::string> host, api_key;
  std::optional<int64_t> port;
  std::optional<bool> auto_truncate, return_documents, sglang, strict;
};

ServerOptions server_options(const Flags& flags, const Settings& settings) {
  ServerOptions o;
  const auto set = [](auto& option, const auto& flag, const auto& setting) {
    using Option = std::remove_reference_t<decltype(option)>;
    if (flag || setting) option = static_cast<Option>(flag ? *flag : *setting);
  };
  set(o.host, flags.host, settings.host);
  set(o.port, flags.port, settings.port);
  set(o.api_key, flags.api_key, settings.api_key);
  set(o.auto_truncate, flags.auto_truncate, settings.auto_truncate);
  set(o.return_documents, flags.return_documents, settings.return_documents);
  set(o.sglang, flags.sglang, settings.sglang);
  set(o.strict, flags.strict, settings.strict);

  const Limits limits = merged(flags.compute.limits, settings.limits);
  const auto limit = [](auto& option, const std::optional<int64_t>& value) {
    if (value) option = std::remove_reference_t<decltype(option)>(*value);
  };
  limit(o.max_concurrent_requests, limits.max_concurrent_requests);
  limit(o.max_connections, limits.max_connections);
  limit(o.max_client_batch_size, limits.max_client_batch_size);
  limit(o.payload_limit_bytes, limits.payload_limit_bytes);
  limit(o.header_limit_bytes, limits.header_limit_bytes);
  limit(o.request_timeout, limits.request_timeout_ms);
  limit(o.client_timeout, limits.client_timeout_ms);
  limit(o.idle_timeout, limits.idle_timeout_ms);
  limit(o.drain_timeout, limits.drain_timeout_ms);
  return o;
}

// What -m says; else the settings' models; else the default reranker and the default embedder.
std::vector<ModelEntry> models_to_serve(const Flags& flags, const Settings& settings) {
  std::vector<ModelEntry> models;
  for (const std::string& model : flags.models) models.push_back(parse_model_entry(model));
  if (models.empty()) models = settings.models;
  if (models.empty()) models = {{"", kDefaultReranker}, {"", kDefaultEmbedder}};
  return models;
}

// "[::1]" for an address with colons, which a URL would take for a port's.
std::string url(const std::string& host, int port) {
  const bool bare_v6 = host.find(':') != std::string::npos && host.front() != '[';
  return cat("http://", bare_v6 ? "[" + host + "]" : host, ":", port);
}

int run(const Flags& flags) {
  const Settings settings = load_settings(flags.config);
  std::vector<std::shared_ptr<Engine>> engines;
  for (const ModelEntry& model : models_to_serve(flags, settings)) {
    const EngineOptions options = engine_options(model, flags.compute, settings, flags.pull);
    for (const auto& engine : engines)
      require(engine->info().name != options.name, "serve: want one model a name, got ",
              options.name, " twice; name one of them with -m NAME=FOLDER");
    std::fprintf(stderr, "winnow serve: loading %s from %s\n", options.name.c_str(),
                 options.folder.c_str());
    engines.push_back(Engine::load(options));  // runs a sequence to warm up
  }
  const ServerOptions options = server_options(flags, settings);
  Server server(options, engines);
  server.listen();
  server.set_ready();
  // On stdout and flushed: a script that asked for port 0 reads the address from here.
  std::printf("%s\n", url(options.host, server.port()).c_str());
  std::fflush(stdout);
  std::fprintf(stderr, "winnow serve: ready; try %s/docs, stop with Ctrl-C\n",
               url(options.host, server.port()).c_str());
  server.run();
  std::fprintf(stderr, "winnow serve: drained, bye\n");
  return 0;
}

// A flag that is told apart from an absent one. Not CLI11's add_flag: that one takes an
// optional<bool> for a counter and sets it to 0, which is false, before anything is parsed.
void add_switch(CLI::App& app, const std::string& names, std::optional<bool>& value,
                const std::string& help) {
  app.add_flag_function(
      names, [&value](int64_t count) { value = count > 0; }, help);
}

}  // namespace

Command add_serve(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app = program.add_subcommand(
      "serve", "Serve models over HTTP: TEI's, Cohere's, Jina's and OpenAI's routes");
  app->add_option(
         "-m,--model", flags->models,
         "NAME or NAME=FOLDER, once for each model; without it the settings' models, else " +
             std::string(kDefaultReranker) + " and " + kDefaultEmbedder)
      ->type_name("MODEL")
      ->expected(1)
      ->take_all();
  app->add_option("--host", flags->host, "Address to listen on; without it 127.0.0.1")
      ->type_name("ADDRESS");
  app->add_option("--port", flags->port, "Port; 0 is any free one; without it 3000")
      ->check(CLI::Range(0, 65535))
      ->type_name("PORT");
  app->add_option("--api-key", flags->api_key, "Wanted of clients as `Authorization: Bearer KEY`")
      ->envname("WINNOW_API_KEY")
      ->type_name("KEY");
  add_switch(*app, "--auto-truncate,!--no-auto-truncate", flags->auto_truncate,
             "Cut what is too long, where a request does not say; on unless told");
  add_switch(*app, "--return-documents", flags->return_documents,
             "Let /v1/rerank answer with the documents' text");
  add_switch(*app, "--sglang", flags->sglang,
             "Answer /v1/rerank as SGLang does: a bare list of score, document, index");
  add_switch(*app, "--strict", flags->strict,
             "Refuse unknown fields of rerank requests, as Cohere does");
  app->add_flag("--pull", flags->pull, "Fetch models first that are not on this machine");
  add_compute_flags(*app, flags->compute);
  add_prompt_flags(*app, flags->compute);
  add_pooling_flag(*app, flags->compute);
  app->add_option("--task", flags->compute.task,
                  "What decoders are for; auto is what their files say, else generate")
      ->check(CLI::IsMember({"auto", "generate", "rerank", "embed"}))
      ->type_name("TASK");
  add_kv_cache_flag(*app, flags->compute);
  for (const LimitKey& key : limit_keys()) add_limit_flag(*app, key.name, flags->compute.limits);
  add_config_flag(*app, flags->config);
  app->footer(
      "The address is printed on stdout once every model is loaded and warm. SIGTERM and Ctrl-C "
      "finish the work in "
      "hand.\n\n"
      "Example:\n"
      "  winnow serve -m ms-marco-minilm-l12 -m mine=/srv/models/mine --host 0.0.0.0 --port 3000");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace winnow
