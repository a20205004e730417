#include "http/completions_route.h"

#include <limits>
#include <optional>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "http/body.h"
#include "http/generate_stream.h"

namespace winnow {
namespace {

using Reports = std::vector<TokenReport>;

constexpr int kDefaultTokens = 16;  // OpenAI's

void read_prompts(const Json& prompt, CompletionRequest& want, int limit) {
  if (prompt.is_string()) {
    want.prompts.emplace_back(std::string(prompt.string()));
    return;
  }
  require(prompt.is_array(), "`prompt`: want a string, an array of strings or token ids, got ",
          prompt.kind());
  if (prompt.size() > 0 && prompt[0].is_number()) {
    want.prompts.emplace_back(token_ids(prompt, /*may_be_empty=*/false));
    return;
  }
  check_batch("prompt", static_cast<int64_t>(prompt.size()), limit);
  for (size_t i = 0; i < prompt.size(); ++i) {
    if (prompt[i].is_array())
      want.prompts.emplace_back(token_ids(prompt[i], /*may_be_empty=*/false));
    else
      want.prompts.emplace_back(std::string(prompt[i].string()));
  }
}

// Where each token's text begins is counted from the choice's own beginning.
void append_logprobs(JsonWriter& json, const Reports& reports, int64_t& offset) {
  json.begin_object().key("tokens").begin_array();
  for (const TokenReport& report : reports) json.value(token_text(report.chosen));
  json.end_array().key("token_logprobs").begin_array();
  for (const TokenReport& report : reports) json.value(finite_logprob(report.chosen.logprob));
  json.end_array().key("top_logprobs").begin_array();
  for (const TokenReport& report : reports) {
    json.begin_object();
    std::set<std::string> said;  // different bytes may have one text
    const auto add = [&](const TokenReport::Entry& entry) {
      if (said.insert(token_text(entry)).second)
        json.member(token_text(entry), finite_logprob(entry.logprob));
    };
    for (const TokenReport::Entry& entry : report.top) add(entry);
    add(report.chosen);
    json.end_object();
  }
  json.end_array().key("text_offset").begin_array();
  for (const TokenReport& report : reports) {
    json.value(offset);
    offset += code_points(token_text(report.chosen));
  }
  json.end_array().end_object();
}

// `text`, and what belongs to it, as one element of `choices`.
void append_choice(JsonWriter& json, int index, std::string_view text, const Reports* reports,
                   int64_t& offset, std::optional<Finish> finish) {
  json.begin_object().member("index", index).member("text", text).key("logprobs");
  reports ? append_logprobs(json, *reports, offset) : void(json.null());
  json.key("finish_reason");
  finish ? json.value(finish_name(*finish)) : json.null();
  json.end_object();
}

class CompletionStream final : public GenerateStream {
 public:
  CompletionStream(CompletionAnswer answer, std::unique_ptr<Generation> generation, Work& work)
      : GenerateStream(std::move(generation), work),
        answer_(std::move(answer)),
        offsets_(answer_.choices) {
    for (size_t i = 0; i < answer_.echoed.size(); ++i)
      say_chunk(
          {.choice = static_cast<int>(i), .text = answer_.echoed[i], .reports = {}, .finish = {}});
  }

 private:
  void on_delta(const Delta& delta) override {
    if (!delta.text.empty() || !delta.reports.empty() || delta.finish) say_chunk(delta);
  }

  void on_end() override {
    if (!answer_.include_usage) return;
    JsonWriter json;
    begin_answer(json, answer_.head, "text_completion");
    json.key("choices").begin_array().end_array();
    append_usage(json.key("usage"), usage());
    say(json.end_object().text());
  }

  void say_chunk(const Delta& delta) {
    JsonWriter json;
    begin_answer(json, answer_.head, "text_completion");
    json.key("choices").begin_array();
    const bool reports = answer_.logprobs && !delta.reports.empty();
    append_choice(json, delta.choice, delta.text, reports ? &delta.reports : nullptr,
                  offsets_.at(delta.choice), delta.finish);
    json.end_array();
    if (answer_.continuous_usage)
      append_usage(json.key("usage"), usage());
    else if (answer_.include_usage)
      json.key("usage").null();
    say(json.end_object().text());
  }

  const CompletionAnswer answer_;
  std::vector<int64_t> offsets_;
};

}  // namespace

CompletionRequest parse_completion(const Json& body, const GenerationDefaults& defaults,
                                   const ServerOptions& options) {
  CompletionRequest want;
  want.body = parse_generate_body(body, defaults);
  read_prompts(body.at("prompt"), want, options.max_client_batch_size);
  constexpr int kMost = std::numeric_limits<int>::max();
  want.body.request.max_tokens = int_member(body, "max_tokens", 1, kMost, kDefaultTokens);
  want.add_special_tokens = body.boolean("add_special_tokens", true);
  want.echo = body.boolean("echo", false);
  const int logprobs = int_member(body, "logprobs", 0, 20, -1);
  want.logprobs = logprobs >= 0;
  want.body.request.sampling.top_logprobs = logprobs;
  if (want.echo && want.logprobs)
    fail(Code::kUnsupported, "`echo`: winnow does not have the logprobs of a prompt");
  return want;
}

std::string completion_json(const CompletionAnswer& answer, Generation& generation, Work& work,
                            const Call& call) {
  struct Whole {
    std::string text;
    Reports reports;
    std::optional<Finish> finish;
  };
  std::vector<Whole> choices(answer.choices);
  for (size_t i = 0; i < answer.echoed.size(); ++i) choices[i].text = answer.echoed[i];
  GenerationClock clock(work);
  while (std::optional<Delta> delta = next_delta(generation, call)) {
    clock.on_delta(*delta);
    Whole& choice = choices.at(delta->choice);
    choice.text += delta->text;
    for (TokenReport& report : delta->reports) choice.reports.push_back(std::move(report));
    if (delta->finish) choice.finish = delta->finish;
  }
  clock.on_usage(generation.usage());

  JsonWriter json;
  begin_answer(json, answer.head, "text_completion");
  json.key("choices").begin_array();
  for (size_t i = 0; i < choices.size(); ++i) {
    int64_t offset = 0;
    append_choice(json, static_cast<int>(i), choices[i].text,
                  answer.logprobs ? &choices[i].reports : nullptr, offset, choices[i].finish);
  }
  json.end_array();
  append_usage(json.key("usage"), generation.usage());
  return json.end_object().take();
}

std::unique_ptr<BodyStream> completion_stream(CompletionAnswer answer,
                                              std::unique_ptr<Generation> generation, Work& work) {
  return std::make_unique<CompletionStream>(std::move(answer), std::move(generation), work);
}

HttpResponse post_completions(const HttpRequest& http, const Service& service, Work& work) {
  const Json body = parse_body(http.body);
  Engine& engine = service.models.choose(Need::kGenerate, body.string("model", ""),
                                         UnknownModel::kNotFound, work);
  CompletionRequest want = parse_completion(body, service.models.defaults(engine), service.options);
  const Tokenizer& tokenizer = engine.tokenizer();
  const int choices = want.body.request.choices, max_tokens = want.body.request.max_tokens;
  CompletionAnswer answer{.head = answer_head("cmpl-", engine.info()),
                          .choices = choices * static_cast<int>(want.prompts.size()),
                          .echoed = {},
                          .logprobs = want.logprobs,
                          .include_usage = want.body.include_usage,
                          .continuous_usage = want.body.continuous_usage};
  work.inputs = static_cast<int64_t>(want.prompts.size());
  work.batch = want.prompts.size() > 1;
  std::vector<std::unique_ptr<Generation>> generations;
  for (const auto& prompt : want.prompts) {
    GenerateRequest request = want.body.request;
    if (const auto* text = std::get_if<std::string>(&prompt)) {
      const TokenSpan span = tokenizer.tokenize(*text);
      request.prompt = want.add_special_tokens ? tokenizer.assemble(span, nullptr).ids : span.ids;
      if (want.echo) answer.echoed.insert(answer.echoed.end(), choices, *text);
    } else {
      request.prompt = std::get<std::vector<int32_t>>(prompt);
      for (const int32_t id : request.prompt) (void)tokenizer.token(id);  // throws out of range
      if (want.echo)
        answer.echoed.insert(answer.echoed.end(), choices,
                             tokenizer.decode(request.prompt, /*skip_special_tokens=*/true));
    }
    if (request.prompt.empty()) fail(Code::kEmpty, "`prompt`: the text has no tokens");
    generations.push_back(engine.generate(std::move(request), http.call));
  }
  std::unique_ptr<Generation> generation = together(std::move(generations), choices);
  HttpResponse response = want.body.stream
                              ? sse_response(completion_stream(answer, std::move(generation), work))
                              : ok(completion_json(answer, *generation, work, http.call));
  work.generation->choices = choices;
  work.generation->max_tokens = max_tokens;
  return response;
}

}  // namespace winnow
