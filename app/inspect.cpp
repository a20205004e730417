// winnow inspect: what is in a model's files.
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

#include "app/commands.h"
#include "app/inspection.h"
#include "app/model_flags.h"
#include "app/result_stream.h"
#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"

namespace winnow {
namespace {

struct Flags {
  std::string place, config;
  bool json = false;
};

struct Total {
  int64_t tensors = 0, parameters = 0, bytes = 0;
};

std::map<std::string, Total> totals_of(const Inspection& found) {
  std::map<std::string, Total> totals;
  for (const InspectedTensor& t : found.tensors) {
    Total& total = totals[t.type];
    ++total.tensors;
    total.parameters += t.shape.elements();
    total.bytes += t.bytes;
  }
  return totals;
}

std::string inspection_json(const Inspection& found) {
  JsonWriter json;
  json.begin_object().member("path", found.path).member("format", found.format);
  const LoadPlan& plan = found.plan;
  json.key("plan").begin_object();
  const auto text_or_null = [&](std::string_view key, const std::string& text) {
    json.key(key);
    text.empty() ? json.null() : json.value(text);
  };
  text_or_null("architecture", plan.architecture);
  json.member("known", plan.known);
  text_or_null("task", plan.task);
  text_or_null("why_not", plan.why_not);
  text_or_null("tokenizer", plan.tokenizer);
  text_or_null("chat_template", plan.chat_template);
  text_or_null("prompt", plan.prompt);
  json.member("memory", plan.memory).end_object().key("totals").begin_object();
  for (const auto& [type, total] : totals_of(found)) {
    json.key(type).begin_object().member("tensors", total.tensors);
    json.member("parameters", total.parameters).member("bytes", total.bytes).end_object();
  }
  json.end_object().key("metadata").begin_object();
  for (const InspectedFact& fact : found.facts) json.key(fact.key).raw(fact.json);
  json.end_object().key("tensors").begin_array();
  for (const InspectedTensor& t : found.tensors) {
    json.begin_object().member("name", t.name).member("dtype", t.type).key("shape").begin_array();
    for (int d = 0; d < t.shape.rank(); ++d) json.value(t.shape.dim(d));
    json.end_array().member("bytes", t.bytes).end_object();
  }
  return json.end_array().end_object().take();
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

// JSON text, cut where it would fill the screen; never within a character.
std::string shortened(const std::string& text) {
  constexpr size_t kShown = 160;
  if (text.size() <= kShown) return text;
  size_t end = kShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

void write_plan(ResultStream& out, const Inspection& found) {
  const LoadPlan& plan = found.plan;
  const auto line = [&](const char* key, const std::string& value) {
    out.line(padded(key, 15) + value);
  };
  line("file", found.path);
  line("format", found.format);
  line("architecture", plan.architecture.empty() ? "unknown"
                       : plan.known              ? plan.architecture
                                                 : plan.architecture + " (not in winnow)");
  line("task", plan.task.empty() ? "unknown" : plan.task);
  if (!plan.why_not.empty()) line("cannot load", plan.why_not);
  line("tokenizer", plan.tokenizer.empty() ? "none" : plan.tokenizer);
  line("chat template", plan.chat_template.empty() ? "none" : plan.chat_template);
  if (!plan.prompt.empty()) line("prompt", plan.prompt);
  if (plan.memory > 0) line("memory", "about " + human_bytes(plan.memory) + " for weights");
}

void write_text(ResultStream& out, const Inspection& found) {
  write_plan(out, found);
  out.line("");
  Total all;
  for (const auto& [type, total] : totals_of(found)) {
    out.line(padded(type, 8) + cat(total.tensors, " tensors, ", total.parameters, " parameters, ",
                                   human_bytes(total.bytes)));
    all.tensors += total.tensors, all.parameters += total.parameters, all.bytes += total.bytes;
  }
  out.line(padded("all", 8) +
           cat(all.tensors, " tensors, ", all.parameters, " parameters, ", human_bytes(all.bytes)));
  size_t widest = 0;
  for (const InspectedFact& fact : found.facts) widest = std::max(widest, fact.key.size());
  if (!found.facts.empty()) out.line("");
  for (const InspectedFact& fact : found.facts)
    out.line(padded(fact.key, widest + 2) + shortened(fact.json));
  widest = 0;
  for (const InspectedTensor& t : found.tensors) widest = std::max(widest, t.name.size());
  if (!found.tensors.empty()) out.line("");
  for (const InspectedTensor& t : found.tensors)
    out.line(padded(t.name, widest + 2) + padded(t.type, 6) + padded(cat(t.shape), 16) +
             std::to_string(t.bytes));
}

int run(const Flags& flags) {
  std::error_code ignored;
  const std::string path =
      std::filesystem::is_regular_file(flags.place, ignored)
          ? flags.place
          : model_folder({"", flags.place}, load_settings(flags.config), /*pull=*/false);
  const Inspection found = inspect(path);
  ResultStream out;
  if (flags.json) {
    out.line(inspection_json(found));
  } else {
    write_text(out, found);
  }
  out.finish();
  return 0;
}

}  // namespace

Command add_inspect(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app = program.add_subcommand(
      "inspect", "Show what is in a model's files, and what winnow would do with it");
  app->add_option("FILE|MODEL", flags->place,
                  "A file (.safetensors, .gguf, .bin, .pt, .onnx), a folder, or a model's name")
      ->required()
      ->type_name("");
  app->add_flag("--json", flags->json, "Print one JSON object");
  add_config_flag(*app, flags->config);
  app->footer(
      "Only headers are read, so a large model is as quick as a small one. Long arrays of the\n"
      "metadata are shown by their beginning.\n\n"
      "Example:\n"
      "  winnow inspect smollm2-135m\n"
      "  winnow inspect model.gguf --json");
  return {app, [flags] { return run(*flags); }};
}

}  // namespace winnow
