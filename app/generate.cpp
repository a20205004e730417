// winnow generate: texts continued, or questions answered, one or many at once.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <memory>
#include <optional>

#include "app/commands.h"
#include "app/conversation.h"
#include "app/documents.h"
#include "app/in_order.h"
#include "app/model_flags.h"
#include "app/result_stream.h"
#include "app/sampling_flags.h"
#include "base/error.h"
#include "base/json.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "engine/generation_defaults.h"
#include "http/generate_body.h"

namespace winnow {
namespace {

constexpr size_t kCallsAtOnce = 16;
constexpr int64_t kDefaultTokens = 256;

struct Flags {
  ModelFlags model;
  ComputeFlags compute;
  SamplingFlags sampling;
  std::string prompt, file, system, schema, format = "text";
  bool chat = false, json = false, raw = false, ignore_end = false;
  int choices = 1;
  std::optional<int> logprobs;
};

struct Prompt {
  std::string text;
  int64_t line = 0;  // of its file; 0: there is none
};

// One choice's whole answer.
struct Answer {
  std::string text;
  std::vector<TokenReport> reports;
  std::optional<Finish> finish;
};

struct Answers {
  std::vector<Answer> choices;
  GenerateUsage usage;
};

std::vector<Prompt> prompts_of(const Flags& flags) {
  if (!flags.file.empty()) {
    if (!flags.prompt.empty())
      throw CLI::ValidationError("PROMPT", "want a PROMPT or --file FILE, and not both");
    std::vector<Prompt> prompts;
    for (Document& document : parse_documents(read_input(flags.file), input_name(flags.file)))
      prompts.push_back({std::move(document.text), document.line});
    return prompts;
  }
  if (!flags.prompt.empty() && flags.prompt != "-") return {{flags.prompt}};
  if (flags.prompt.empty() && ::isatty(STDIN_FILENO) == 1)
    throw CLI::ValidationError("PROMPT", "want a PROMPT, or - or --file FILE");
  std::string text = read_input("-");
  if (text.ends_with('\n')) text.pop_back();  // the shell's, not the text's
  return {{text}};
}

// "1 2 3" or "1,2,3".
std::vector<int32_t> ids_of(std::string_view text) {
  std::vector<int32_t> ids;
  for (size_t at = 0; (at = text.find_first_not_of(" ,\t\r\n", at)) != text.npos;) {
    const size_t end = std::min(text.find_first_of(" ,\t\r\n", at), text.size());
    int32_t id = 0;
    const auto [stop, error] = std::from_chars(text.data() + at, text.data() + end, id);
    require(error == std::errc() && stop == text.data() + end, "--raw: want token ids, got \"",
            text.substr(at, end - at), '"');
    ids.push_back(id);
    at = end;
  }
  return ids;
}

std::vector<int32_t> prompt_ids(const Flags& flags, const Engine& engine, const std::string& text) {
  const Tokenizer& tokenizer = engine.tokenizer();
  if (flags.raw) {
    std::vector<int32_t> ids = ids_of(text);
    for (const int32_t id : ids) (void)tokenizer.token(id);  // throws out of range
    return ids;
  }
  if (!flags.chat) return tokenizer.assemble(tokenizer.tokenize(text), nullptr).ids;
  Conversation conversation;
  conversation.system = flags.system;
  conversation.turns.push_back({"user", text});
  ChatRender render;
  render.messages = conversation.messages();
  return engine.chat_prompt(render);
}

void append_reports(JsonWriter& json, const std::vector<TokenReport>& reports) {
  json.begin_array();
  const auto entry = [&](const TokenReport::Entry& e) {
    json.member("id", e.id)
        .member("token", token_text(e))
        .member("logprob", finite_logprob(e.logprob));
  };
  for (const TokenReport& report : reports) {
    json.begin_object();
    entry(report.chosen);
    json.key("top").begin_array();
    for (const TokenReport::Entry& e : report.top) {
      json.begin_object();
      entry(e);
      json.end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

std::string id_text(const std::vector<TokenReport>& reports) {
  std::string text;
  for (const TokenReport& report : reports) text += cat(text.empty() ? "" : " ", report.chosen.id);
  return text;
}

void check_usage(const Flags& flags) {
  if (flags.chat && flags.raw)
    throw CLI::ValidationError("--raw", "want --chat or --raw, and not both");
  if (!flags.system.empty() && !flags.chat)
    throw CLI::ValidationError("--system", "want --chat with it");
  if (flags.logprobs && flags.format != "jsonl")
    throw CLI::ValidationError("--logprobs", "want --format jsonl with it");
}

class Generating {
 public:
  explicit Generating(const Flags& flags) : flags_(flags) {}

  int run() {
    const Settings settings = load_settings(flags_.model.config);
    prompts_ = prompts_of(flags_);
    GenerateRequest request;
    request.json = flags_.json || !flags_.schema.empty();
    if (!flags_.schema.empty())
      request.schema = Json::parse(read_input(flags_.schema), input_name(flags_.schema));
    engine_ = load_engine(flags_.model, flags_.compute, settings,
                          settings.generator.value_or(kDefaultGenerator));
    const ModelInfo& info = engine_->info();
    if (info.kind != ModelKind::kGenerator)
      fail(Code::kUnsupported, info.name, ": want a generator, got a ", info.architecture);
    request.sampling = read_generation_defaults(info.folder).sampling;
    request.max_tokens = kDefaultTokens;
    apply(flags_.sampling, request);
    request.choices = flags_.choices;
    request.ignore_end = flags_.ignore_end;
    if (flags_.raw) request.sampling.top_logprobs = 0;  // the reports have the ids
    if (flags_.logprobs) request.sampling.top_logprobs = *flags_.logprobs;
    request_ = std::move(request);
    const bool live = prompts_.size() == 1 && flags_.choices == 1 && flags_.format == "text";
    live ? stream() : generate_all();
    out_.finish();
    return 0;
  }

 private:
  std::unique_ptr<Generation> start(const Prompt& prompt) const {
    GenerateRequest request = request_;
    try {
      request.prompt = prompt_ids(flags_, *engine_, prompt.text);
      if (request.prompt.empty()) fail(Code::kEmpty, "want a prompt with tokens, got none");
      return engine_->generate(std::move(request), {.cancelled = cancelled_});
    } catch (const Error& error) {
      if (prompt.line == 0) throw;
      fail(error.code(), input_name(flags_.file), ':', prompt.line, ": ", error.what());
    }
  }

  // One answer, as it comes.
  void stream() {
    const auto generation = start(prompts_[0]);
    bool first = true;
    while (const std::optional<Delta> delta = generation->next()) {
      std::string text = flags_.raw ? id_text(delta->reports) : delta->text;
      if (flags_.raw && !first && !text.empty()) text = " " + text;
      first = first && text.empty();
      out_.write(out_.is_terminal() ? terminal_text(text) : text);
      out_.flush();
    }
    out_.line("");
  }

  void generate_all() {
    Progress progress("generate", static_cast<int64_t>(prompts_.size()), "prompts");
    const auto work = [&](size_t i) {
      const auto generation = start(prompts_[i]);
      Answers answers;
      answers.choices.resize(flags_.choices);
      while (std::optional<Delta> delta = generation->next()) {
        Answer& answer = answers.choices.at(delta->choice);
        answer.text += delta->text;
        for (TokenReport& report : delta->reports) answer.reports.push_back(std::move(report));
        if (delta->finish) answer.finish = delta->finish;
      }
      answers.usage = generation->usage();
      return answers;
    };
    in_order(
        prompts_.size(), kCallsAtOnce, work,
        [&](size_t i, const Answers& answers) {
          for (size_t choice = 0; choice < answers.choices.size(); ++choice)
            write(i, choice, answers);
          progress.advance_to(static_cast<int64_t>(i) + 1);
        },
        [&] { *cancelled_ = true; });
  }

  void write(size_t index, size_t choice, const Answers& answers) {
    const Answer& answer = answers.choices[choice];
    if (flags_.format == "jsonl") return out_.line(line(index, choice, answers));
    if (index + choice > 0) out_.line("");
    const std::string text = flags_.raw ? id_text(answer.reports) : answer.text;
    out_.line(out_.is_terminal() ? terminal_text(text) : text);
  }

  std::string line(size_t index, size_t choice, const Answers& answers) const {
    const Answer& answer = answers.choices[choice];
    JsonWriter json;
    json.begin_object()
        .member("index", static_cast<int64_t>(index))
        .member("choice", static_cast<int64_t>(choice))
        .member("prompt", repair_utf8(prompts_[index].text))
        .member("text", answer.text);
    if (flags_.raw) {
      json.key("ids").begin_array();
      for (const TokenReport& report : answer.reports) json.value(report.chosen.id);
      json.end_array();
    }
    if (flags_.logprobs) append_reports(json.key("logprobs"), answer.reports);
    json.key("finish_reason");
    answer.finish ? json.value(finish_name(*answer.finish)) : json.null();
    append_usage(json.key("usage"), answers.usage);
    return json.end_object().take();
  }

  const Flags& flags_;
  std::vector<Prompt> prompts_;
  std::unique_ptr<Engine> engine_;
  GenerateRequest request_;  // without a prompt
  const std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  ResultStream out_;
};

}  // namespace

Command add_generate(CLI::App& program) {
  const auto flags = std::make_shared<Flags>();
  CLI::App* app = program.add_subcommand("generate", "Continue texts, or answer questions");
  add_generator_flags(*app, flags->model, flags->compute);
  app->add_option("PROMPT", flags->prompt, "The text; - or nothing is all of stdin")->type_name("");
  app->add_option("-f,--file", flags->file,
                  "Prompts one a line, or JSONL with `text`; - is stdin. Answers keep their order")
      ->type_name("FILE");
  app->add_flag("--chat", flags->chat, "Ask it as a question, by the model's chat template");
  app->add_option("--system", flags->system, "With --chat: what the model is told before")
      ->type_name("TEXT");
  app->add_flag("--raw", flags->raw, "Prompts are token ids, and so are the answers");
  add_sampling_flags(*app, flags->sampling);
  app->add_option("--n", flags->choices, "Answers of each prompt")
      ->check(CLI::Range(1, 128).description(""))
      ->type_name("N");
  app->add_flag("--ignore-eos", flags->ignore_end, "Go on after an end token, up to --max-tokens");
  app->add_flag("--json", flags->json, "The answer is one JSON value");
  app->add_option("--json-schema", flags->schema, "The answer is JSON that this schema describes")
      ->type_name("FILE");
  app->add_option("--format", flags->format, "text, or jsonl: an object a line for each answer")
      ->check(CLI::IsMember({"text", "jsonl"}))
      ->type_name("FORMAT");
  app->add_option("--logprobs", flags->logprobs,
                  "With jsonl: each token's logprob and those of the best so many")
      ->check(CLI::Range(0, 20).description(""))
      ->type_name("N");
  app->footer(
      "One answer appears as it is made; several stand in the order of their prompts, an empty "
      "line between them. Without --max-tokens an answer ends after 256.\n\n"
      "Example:\n"
      "  winnow generate smollm2-135m \"Bees eat\" --max-tokens 20 --temperature 0\n"
      "  winnow generate smollm2-135m --chat --file questions.txt --format jsonl > answers.jsonl");
  return {app, [flags] {
            check_usage(*flags);
            return Generating(*flags).run();
          }};
}

}  // namespace winnow
