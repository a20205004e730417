#include "http/chat_route.h"

#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "http/body.h"
#include "http/chat_messages.h"
#include "http/generate_stream.h"
#include "http/status.h"
#include "http/tool_calls.h"

namespace winnow {
namespace {

using Reports = std::vector<TokenReport>;

Json tools_of(const Json& body) {
  const auto tools = body.find("tools");
  if (tools) require(tools->is_array(), "`tools`: want an array, got ", tools->kind());
  const bool some = tools && tools->size() > 0;
  const auto choice = body.find("tool_choice");
  const bool none = choice && choice->is_string() && choice->string() == "none";
  return some && !none ? *tools : Json();
}

void append_entry(JsonWriter& json, const TokenReport::Entry& entry) {
  json.member("token", token_text(entry)).member("logprob", finite_logprob(entry.logprob));
  json.key("bytes").begin_array();
  for (const unsigned char byte : entry.bytes) json.value(static_cast<int>(byte));
  json.end_array();
}

void append_logprobs(JsonWriter& json, const Reports& reports) {
  json.begin_object().key("content").begin_array();
  for (const TokenReport& report : reports) {
    json.begin_object();
    append_entry(json, report.chosen);
    json.key("top_logprobs").begin_array();
    for (const TokenReport::Entry& entry : report.top) {
      json.begin_object();
      append_entry(json, entry);
      json.end_object();
    }
    json.end_array().end_object();
  }
  json.end_array().key("refusal").null().end_object();
}

std::string call_id() {
  std::string uuid = random_uuid();
  std::erase(uuid, '-');
  return "call_" + uuid.substr(0, 24);
}

// `index`: of a streamed call; a whole answer's have none.
void append_call(JsonWriter& json, const ToolCall& call, std::optional<int> index) {
  json.begin_object();
  if (index) json.member("index", *index);
  json.member("id", call_id()).member("type", "function");
  json.key("function")
      .begin_object()
      .member("name", call.name)
      .member("arguments", call.arguments)
      .end_object()
      .end_object();
}

// OpenAI: a call of a named function ends with stop.
std::string_view finish_of(Finish finish, bool any_call) {
  return finish == Finish::kStop && any_call ? "tool_calls" : finish_name(finish);
}

// One choice's text as it comes.
struct Choice {
  ToolCallReader reader;
  Reports reports;  // of text that is not said yet
  int calls = 0;

  ToolCallReader::Found read(const Delta& delta, bool tool_calls) {
    reports.insert(reports.end(), delta.reports.begin(), delta.reports.end());
    if (!tool_calls) return {delta.text, {}};
    return reader.push(delta.text, delta.finish.has_value());
  }
};

class ChatStream final : public GenerateStream {
 public:
  ChatStream(ChatAnswer answer, std::unique_ptr<Generation> generation, Work& work)
      : GenerateStream(std::move(generation), work),
        answer_(std::move(answer)),
        choices_(answer_.choices) {
    for (int i = 0; i < answer_.choices; ++i)
      say_chunk(i, {},
                [](JsonWriter& delta) { delta.member("role", "assistant").member("content", ""); });
  }

 private:
  void on_delta(const Delta& delta) override {
    Choice& choice = choices_.at(delta.choice);
    const ToolCallReader::Found found = choice.read(delta, answer_.tool_calls);
    if (!found.content.empty())
      say_chunk(delta.choice, {}, [&](JsonWriter& json) { json.member("content", found.content); });
    for (const ToolCall& call : found.calls)
      say_chunk(delta.choice, {}, [&](JsonWriter& json) {
        json.key("tool_calls").begin_array();
        append_call(json, call, choice.calls++);
        json.end_array();
      });
    // Tokens whose text says nothing yet, as the end token.
    if (answer_.logprobs && delta.finish && !choice.reports.empty())
      say_chunk(delta.choice, {}, [](JsonWriter& json) { json.member("content", ""); });
    if (delta.finish)
      say_chunk(delta.choice, finish_of(*delta.finish, choice.reader.any() && !answer_.named_call),
                [](JsonWriter&) {});
  }

  void on_end() override {
    if (!answer_.include_usage) return;
    JsonWriter json;
    begin_answer(json, answer_.head, "chat.completion.chunk");
    json.key("choices").begin_array().end_array();
    append_usage(json.key("usage"), usage());
    say(json.end_object().text());
  }

  template <typename Fill>
  void say_chunk(int index, std::string_view finish, const Fill& fill) {
    JsonWriter json;
    begin_answer(json, answer_.head, "chat.completion.chunk");
    json.key("choices").begin_array().begin_object().member("index", index);
    json.key("delta").begin_object();
    fill(json);
    json.end_object().key("logprobs");
    Reports reports = std::exchange(choices_[index].reports, {});
    reports.empty() ? void(json.null()) : append_logprobs(json, reports);
    json.key("finish_reason");
    finish.empty() ? json.null() : json.value(finish);
    json.end_object().end_array();
    if (answer_.continuous_usage)
      append_usage(json.key("usage"), usage());
    else if (answer_.include_usage)
      json.key("usage").null();
    say(json.end_object().text());
  }

  const ChatAnswer answer_;
  std::vector<Choice> choices_;
};

}  // namespace

ChatRequest parse_chat(const Json& body, const GenerationDefaults& defaults) {
  ChatRequest want;
  want.body = parse_generate_body(body, defaults);
  want.messages = body.at("messages");
  check_messages(want.messages);
  want.forced = forced_call_of(body);
  want.tools = tools_of(body);
  constexpr int kMost = std::numeric_limits<int>::max();
  const char* limit = body.find("max_completion_tokens") ? "max_completion_tokens" : "max_tokens";
  want.body.request.max_tokens = int_member(body, limit, 1, kMost, 0);
  want.logprobs = body.boolean("logprobs", false);
  const int top = int_member(body, "top_logprobs", 0, 20, 0);
  require(want.logprobs || top == 0, "`top_logprobs`: want it with `logprobs` true only");
  if (want.logprobs) want.body.request.sampling.top_logprobs = top;
  want.add_generation_prompt = body.boolean("add_generation_prompt", true);
  if (const auto extra = body.find("chat_template_kwargs")) {
    require(extra->is_object(), "`chat_template_kwargs`: want an object, got ", extra->kind());
    want.extra = *extra;
  }
  return want;
}

std::string chat_json(const ChatAnswer& answer, Generation& generation, Work& work,
                      const Call& call) {
  struct Whole : Choice {
    std::string text;
    std::vector<ToolCall> found;
    Finish finish = Finish::kStop;
  };
  std::vector<Whole> choices(answer.choices);
  GenerationClock clock(work);
  while (const std::optional<Delta> delta = next_delta(generation, call)) {
    clock.on_delta(*delta);
    Whole& choice = choices.at(delta->choice);
    ToolCallReader::Found found = choice.read(*delta, answer.tool_calls);
    choice.text += found.content;
    for (ToolCall& call : found.calls) choice.found.push_back(std::move(call));
    if (delta->finish) choice.finish = *delta->finish;
  }
  clock.on_usage(generation.usage());

  JsonWriter json;
  begin_answer(json, answer.head, "chat.completion");
  json.key("choices").begin_array();
  for (size_t i = 0; i < choices.size(); ++i) {
    const Whole& choice = choices[i];
    json.begin_object().member("index", static_cast<int64_t>(i));
    json.key("message").begin_object().member("role", "assistant").key("content");
    choice.text.empty() && !choice.found.empty() ? json.null() : json.value(choice.text);
    json.key("refusal").null();
    if (!choice.found.empty()) {
      json.key("tool_calls").begin_array();
      for (const ToolCall& call : choice.found) append_call(json, call, std::nullopt);
      json.end_array();
    }
    json.end_object().key("logprobs");
    answer.logprobs ? append_logprobs(json, choice.reports) : void(json.null());
    json.member("finish_reason",
                finish_of(choice.finish, choice.reader.any() && !answer.named_call))
        .end_object();
  }
  json.end_array();
  append_usage(json.key("usage"), generation.usage());
  return json.end_object().take();
}

std::unique_ptr<BodyStream> chat_stream(ChatAnswer answer, std::unique_ptr<Generation> generation,
                                        Work& work) {
  return std::make_unique<ChatStream>(std::move(answer), std::move(generation), work);
}

HttpResponse post_chat_completions(const HttpRequest& http, const Service& service, Work& work) {
  const Json body = parse_body(http.body);
  Engine& engine = service.models.choose(Need::kGenerate, body.string("model", ""),
                                         UnknownModel::kNotFound, work);
  ChatRequest want = parse_chat(body, service.models.defaults(engine));
  GenerateRequest& request = want.body.request;
  ChatRender render;
  render.messages = template_messages(want.messages, [&] { return template_keeps_parts(engine); });
  render.tools = want.tools;
  render.extra = want.extra;
  render.add_generation_prompt = want.add_generation_prompt;
  request.prompt = engine.chat_prompt(render);
  const bool tags = !want.tools.is_null() && template_has_tool_call_tags(engine, want.tools);
  if (want.forced) {
    if (!tags)
      fail(Code::kUnsupported,
           "`tool_choice`: want none or auto, as the model's template does not write calls as "
           "<tool_call>");
    request.json = true;
    request.schema = call_schema(want.tools, *want.forced);
    request.json_frame = call_frame();
  }
  ChatAnswer answer{.head = answer_head("chatcmpl-", engine.info()),
                    .choices = request.choices,
                    .logprobs = want.logprobs,
                    .tool_calls = tags,
                    .named_call = want.forced && !want.forced->name.empty(),
                    .include_usage = want.body.include_usage,
                    .continuous_usage = want.body.continuous_usage};
  work.inputs = 1;
  const int choices = request.choices, max_tokens = request.max_tokens;
  std::unique_ptr<Generation> generation = engine.generate(std::move(request), http.call);
  HttpResponse response = want.body.stream
                              ? sse_response(chat_stream(answer, std::move(generation), work))
                              : ok(chat_json(answer, *generation, work, http.call));
  work.generation->choices = choices;
  work.generation->max_tokens = max_tokens;
  return response;
}

}  // namespace winnow
