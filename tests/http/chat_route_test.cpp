#include "http/chat_route.h"

#include <doctest/doctest.h>

#include "http/body.h"
#include "http/chat_messages.h"
#include "http/fake_generation.h"
#include "http/throws.h"
#include "http/tool_calls.h"

namespace winnow {
namespace {

using test::check_throws;
using test::FakeGeneration;
using test::Script;

const std::string kMessages = R"("messages":[{"role":"user","content":"Hi"}])";

ChatRequest parse(const std::string& more, const GenerationDefaults& defaults = {}) {
  return parse_chat(parse_body("{" + kMessages + (more.empty() ? "" : ",") + more + "}"), defaults);
}

// All bytes of a stream.
std::string all_of(BodyStream& stream) {
  std::string bytes;
  for (;;) {
    BodyStream::Piece piece = stream.next();
    bytes += piece.bytes;
    if (piece.last) return bytes;
  }
}

// The JSON of a stream's events, without [DONE].
std::vector<Json> events_of(const std::string& bytes) {
  std::vector<Json> events;
  for (size_t at = 0; at < bytes.size();) {
    const size_t end = bytes.find("\n\n", at);
    REQUIRE(bytes.compare(at, 6, "data: ") == 0);
    const std::string data = bytes.substr(at + 6, end - at - 6);
    if (data != "[DONE]") events.push_back(Json::parse(data, "event"));
    at = end + 2;
  }
  return events;
}

ChatAnswer answer_of(int choices = 1) {
  ChatAnswer answer;
  answer.head = {"chatcmpl-1", "m", 7};
  answer.choices = choices;
  return answer;
}

TEST_CASE("a chat request takes OpenAI's defaults, and the checkpoint's before them") {
  const ChatRequest plain = parse("");
  CHECK(plain.body.request.sampling.temperature == 1.0f);
  CHECK(plain.body.request.choices == 1);
  CHECK(plain.body.request.max_tokens == 0);
  CHECK(plain.body.request.sampling.top_logprobs == -1);
  CHECK_FALSE(plain.body.stream);
  CHECK(plain.add_generation_prompt);
  GenerationDefaults defaults;
  defaults.sampling.temperature = 0.7f;
  defaults.sampling.top_k = 20;
  CHECK(parse("", defaults).body.request.sampling.temperature == 0.7f);
  const ChatRequest own = parse(R"("temperature":0.1,"top_k":-1,"top_p":null)", defaults);
  CHECK(own.body.request.sampling.temperature == 0.1f);
  CHECK(own.body.request.sampling.top_k == 0);
}

TEST_CASE("a chat request reads every field that winnow uses") {
  const ChatRequest want = parse(
      R"("max_tokens":3,"max_completion_tokens":9,"temperature":0,"top_p":0.5,"min_p":0.1,"top_k":4,)"
      R"("repetition_penalty":1.1,"presence_penalty":0.5,"frequency_penalty":-0.5,"n":2,"seed":-1,)"
      R"("stop":["a","","b","c","d","e"],"logit_bias":{"7":-100,"8":1.5},"logprobs":true,)"
      R"("top_logprobs":2,"stream":true,"stream_options":{"include_usage":true,)"
      R"("continuous_usage_stats":true},"ignore_eos":true,"user":"u","store":false,)"
      R"("chat_template_kwargs":{"enable_thinking":false},"add_generation_prompt":false)");
  const GenerateRequest& r = want.body.request;
  CHECK(r.max_tokens == 9);
  CHECK(r.choices == 2);
  CHECK(r.sampling.seed == ~uint64_t{0});
  CHECK(r.stop == std::vector<std::string>{"a", "b", "c", "d", "e"});
  CHECK(r.sampling.logit_bias == std::vector<std::pair<int32_t, float>>{{7, -100.0f}, {8, 1.5f}});
  CHECK(r.sampling.top_p == 0.5f);
  CHECK(r.sampling.min_p == 0.1f);
  CHECK(r.sampling.top_k == 4);
  CHECK(r.sampling.repetition_penalty == 1.1f);
  CHECK(r.sampling.presence_penalty == 0.5f);
  CHECK(r.sampling.frequency_penalty == -0.5f);
  CHECK(r.sampling.top_logprobs == 2);
  CHECK(r.ignore_end);
  CHECK(want.body.stream);
  CHECK(want.body.include_usage);
  CHECK(want.body.continuous_usage);
  CHECK_FALSE(want.extra.boolean("enable_thinking"));
  CHECK_FALSE(want.add_generation_prompt);
  CHECK(parse(R"("stop":"x")").body.request.stop == std::vector<std::string>{"x"});
}

TEST_CASE("response_format asks for JSON, and for a schema's") {
  CHECK_FALSE(parse(R"("response_format":{"type":"text"})").body.request.json);
  const auto object = parse(R"("response_format":{"type":"json_object"})").body.request;
  CHECK(object.json);
  CHECK(object.schema.is_null());
  const auto schema = parse(R"("response_format":{"type":"json_schema","json_schema":{"name":"a",)"
                            R"("schema":{"type":"integer"}}})")
                          .body.request;
  CHECK(schema.json);
  CHECK(schema.schema.string("type") == "integer");
  check_throws(Code::kInvalidArgument, "`response_format.type`",
               [] { parse(R"("response_format":{"type":"xml"})"); });
}

TEST_CASE("tools are offered unless the choice is none, and no call can be forced") {
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}])";
  CHECK(parse(tools).tools.size() == 1);
  CHECK(parse(tools + R"(,"tool_choice":"auto")").tools.size() == 1);
  CHECK(parse(tools + R"(,"tool_choice":"none")").tools.is_null());
  CHECK(parse(R"("tools":[])").tools.is_null());
  CHECK(parse(tools + R"(,"tool_choice":"required")").forced->name.empty());
  CHECK(parse(tools + R"(,"tool_choice":"required")").tools.size() == 1);
  CHECK_FALSE(parse(tools + R"(,"tool_choice":"auto")").forced);
  check_throws(
      Code::kInvalidArgument, "`tool_choice`: want a function that `tools` has, got no",
      [&] { parse(tools + R"(,"tool_choice":{"type":"function","function":{"name":"no"}})"); });
  check_throws(Code::kInvalidArgument, "`tool_choice`: want none, auto, required or a named",
               [&] { parse(tools + R"(,"tool_choice":"any")"); });
}

TEST_CASE("a chat request that is wrong is refused by field") {
  check_throws(Code::kInvalidArgument, "missing key `messages`",
               [] { parse_chat(parse_body("{}"), {}); });
  check_throws(Code::kEmpty, "`messages` cannot be empty",
               [] { parse_chat(parse_body(R"({"messages":[]})"), {}); });
  check_throws(Code::kInvalidArgument, "messages[0].role", [] {
    parse_chat(parse_body(R"({"messages":[{"role":"robot","content":"a"}]})"), {});
  });
  check_throws(Code::kUnsupported, "image_url", [] {
    parse_chat(parse_body(R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})"),
               {});
  });
  check_throws(Code::kInvalidArgument, "temperature", [] { parse(R"("temperature":3)"); });
  check_throws(Code::kInvalidArgument, "temperature: want number",
               [] { parse(R"("temperature":"hot")"); });
  check_throws(Code::kInvalidArgument, "`n`", [] { parse(R"("n":0)"); });
  check_throws(Code::kInvalidArgument, "`max_tokens`", [] { parse(R"("max_tokens":0)"); });
  check_throws(Code::kInvalidArgument, "`top_logprobs`", [] { parse(R"("top_logprobs":2)"); });
  check_throws(Code::kInvalidArgument, "`stream_options`",
               [] { parse(R"("stream_options":{"include_usage":true})"); });
  check_throws(Code::kInvalidArgument, "`logit_bias`", [] { parse(R"("logit_bias":{"a":1})"); });
  check_throws(Code::kUnsupported, "`functions`", [] { parse(R"("functions":[{"name":"f"}])"); });
  check_throws(Code::kUnsupported, "`best_of`", [] { parse(R"("best_of":3)"); });
}

TEST_CASE("messages reach the template as they came, but for parts, developers and arguments") {
  const auto made = [](const std::string& messages, bool keeps_parts) {
    JsonWriter json;
    append_json(json,
                template_messages(Json::parse(messages, "messages"), [&] { return keeps_parts; }));
    return json.take();
  };
  const std::string plain = R"([{"role":"user","content":"a","name":"n","extra":[1,2.5,null]}])";
  CHECK(made(plain, false) == plain);
  const std::string parts =
      R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])";
  CHECK(made(parts, true) == parts);
  CHECK(made(parts, false) == R"([{"role":"user","content":"a\nb"}])");
  CHECK(made(R"([{"role":"developer","content":"a"}])", false) ==
        R"([{"role":"system","content":"a"}])");
  CHECK(made(R"([{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",)"
             R"("function":{"name":"f","arguments":"{\"x\":1}"}}]}])",
             false) ==
        R"([{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",)"
        R"("function":{"name":"f","arguments":{"x":1}}}]}])");
}

TEST_CASE("a plain answer has the text, why it ended and the tokens") {
  const auto script = std::make_shared<Script>();
  script->say("Hel");
  script->say("lo");
  script->finish(Finish::kLength);
  script->end();
  FakeGeneration generation(script);
  Work work;
  const std::string text = chat_json(answer_of(), generation, work);
  const Json json = Json::parse(text, "answer");
  CHECK(json.string("id") == "chatcmpl-1");
  CHECK(json.string("object") == "chat.completion");
  CHECK(json.integer("created") == 7);
  CHECK(json.string("model") == "m");
  const Json choice = json.at("choices")[0];
  CHECK(choice.at("message").string("role") == "assistant");
  CHECK(choice.at("message").string("content") == "Hello");
  CHECK(choice.string("finish_reason") == "length");
  CHECK(text.find(R"("logprobs":null)") != text.npos);
  CHECK(text.find(R"("usage":{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8,)"
                  R"("prompt_tokens_details":{"cached_tokens":2}})") != text.npos);
  CHECK(work.generation->cut == 1);
  CHECK(work.generation->between_s.size() == 1);
}

TEST_CASE("a client that leaves ends a plain answer, while it waits too") {
  FakeGeneration silent(std::make_shared<Script>());
  Work work;
  Call call;
  call.cancelled = std::make_shared<std::atomic<bool>>(true);
  check_throws(Code::kCancelled, "went away", [&] { chat_json(answer_of(), silent, work, call); });
}

TEST_CASE("a stream begins with a role a choice and ends with reasons, usage and [DONE]") {
  const auto script = std::make_shared<Script>();
  script->say("b", 1);
  script->say("a", 0);
  script->finish(Finish::kStop, 1);
  script->finish(Finish::kLength, 0);
  script->end();
  ChatAnswer answer = answer_of(2);
  answer.include_usage = true;
  Work work;
  const auto stream = chat_stream(answer, std::make_unique<FakeGeneration>(script), work);
  const std::string bytes = all_of(*stream);
  CHECK(bytes.ends_with("data: [DONE]\n\n"));
  const std::vector<Json> events = events_of(bytes);
  REQUIRE(events.size() == 7);
  for (const Json& event : events) {
    CHECK(event.string("id") == "chatcmpl-1");
    CHECK(event.string("object") == "chat.completion.chunk");
  }
  const auto choice = [&](size_t i) { return events[i].at("choices")[0]; };
  CHECK(choice(0).at("delta").string("role") == "assistant");
  CHECK(choice(1).integer("index") == 1);
  CHECK(choice(2).integer("index") == 1);
  CHECK(choice(2).at("delta").string("content") == "b");
  CHECK_FALSE(choice(2).find("finish_reason"));
  CHECK(choice(4).at("delta").size() == 0);
  CHECK(choice(4).string("finish_reason") == "stop");
  CHECK(choice(5).string("finish_reason") == "length");
  CHECK(events[6].at("choices").size() == 0);
  CHECK(events[6].at("usage").integer("total_tokens") == 8);
  CHECK_FALSE(events[5].find("usage"));  // null
  CHECK(bytes.find("\"usage\":null") != bytes.npos);
}

TEST_CASE("logprobs have each token's text and bytes, half a character's too") {
  const auto script = std::make_shared<Script>();
  TokenReport report;
  report.chosen = {.id = 3, .bytes = "\xE2\x82", .logprob = -0.5f};
  report.top = {report.chosen,
                {.id = 4, .bytes = "a", .logprob = -std::numeric_limits<float>::infinity()}};
  script->add([report] {
    return std::optional(Delta{.choice = 0, .text = "", .reports = {report}, .finish = {}});
  });
  report.chosen = {.id = 5, .bytes = "\xAC", .logprob = -1};
  report.top.clear();
  script->add([report] {
    return std::optional(
        Delta{.choice = 0, .text = "\xE2\x82\xAC", .reports = {report}, .finish = {}});
  });
  script->finish();
  script->end();
  ChatAnswer answer = answer_of();
  answer.logprobs = true;
  Work work;
  const std::vector<Json> events =
      events_of(all_of(*chat_stream(answer, std::make_unique<FakeGeneration>(script), work)));
  REQUIRE(events.size() == 3);  // the role, the text with both its tokens, the end
  const Json content = events[1].at("choices")[0].at("logprobs").at("content");
  REQUIRE(content.size() == 2);
  CHECK(content[0].string("token") == "\uFFFD");
  CHECK(content[0].at("bytes")[0].integer() == 0xE2);
  CHECK(content[0].number("logprob") == -0.5);
  CHECK(content[0].at("top_logprobs").size() == 2);
  CHECK(content[0].at("top_logprobs")[1].number("logprob") == -9999);
  CHECK(content[1].at("top_logprobs").size() == 0);
}

TEST_CASE("tool calls are read from text that comes in any pieces") {
  const std::string text =
      "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": [1, \"<\"]}}\n"
      "</tool_call>\n<tool_call>{\"name\":\"g\"}</tool_call>\n";
  for (const size_t size : {1, 2, 7, 1000}) {
    CAPTURE(size);
    ToolCallReader reader;
    std::string content;
    std::vector<ToolCall> calls;
    for (size_t at = 0; at <= text.size(); at += size) {
      const bool last = at + size > text.size();
      ToolCallReader::Found found = reader.push(text.substr(at, size), last);
      content += found.content;
      for (ToolCall& call : found.calls) calls.push_back(call);
      CHECK(content.find('<') == content.npos);
    }
    CHECK(content == "Let me see.");
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].name == "f");
    CHECK(calls[0].arguments == R"({"x":[1,"<"]})");
    CHECK(calls[1].arguments == "{}");
  }
}

TEST_CASE("what is no tool call stays content, byte for byte") {
  for (const std::string text :
       {"a < b <tool> <tool_cal", "<tool_call>not json</tool_call> \n",
        "x\n<tool_call>{\"name\":", "  \n spaces \n ", "<tool_call>{\"nam\":1}</tool_call>b"}) {
    CAPTURE(text);
    ToolCallReader reader;
    std::string content;
    for (const char c : text) content += reader.push(std::string(1, c), false).content;
    content += reader.push("", true).content;
    CHECK(content == text);
    CHECK_FALSE(reader.any());
  }
}

TEST_CASE("an answer with tool calls ends for that reason, streamed and whole") {
  const auto scripted = [] {
    const auto script = std::make_shared<Script>();
    script->say("<tool_");
    script->say("call>{\"name\":\"f\",\"arguments\":{}}</tool_call>");
    script->finish();
    script->end();
    return script;
  };
  ChatAnswer answer = answer_of();
  answer.tool_calls = true;
  Work work;
  FakeGeneration generation(scripted());
  const Json choice = Json::parse(chat_json(answer, generation, work), "answer").at("choices")[0];
  CHECK(choice.string("finish_reason") == "tool_calls");
  CHECK_FALSE(choice.at("message").find("content"));
  const Json call = choice.at("message").at("tool_calls")[0];
  CHECK(call.string("type") == "function");
  CHECK(call.string("id").starts_with("call_"));
  CHECK(call.at("function").string("name") == "f");
  CHECK(call.at("function").string("arguments") == "{}");

  const std::vector<Json> events =
      events_of(all_of(*chat_stream(answer, std::make_unique<FakeGeneration>(scripted()), work)));
  REQUIRE(events.size() == 3);
  const Json delta = events[1].at("choices")[0].at("delta");
  CHECK(delta.at("tool_calls")[0].integer("index") == 0);
  CHECK(delta.at("tool_calls")[0].at("function").string("name") == "f");
  CHECK(events[2].at("choices")[0].string("finish_reason") == "tool_calls");
}

TEST_CASE("a forced call is a schema of one call, its parameters' references kept") {
  const Json tools = Json::parse(R"([
      {"type":"function","function":{"name":"f","parameters":{"type":"object",
        "properties":{"x":{"$ref":"#/$defs/n"}},"required":["x"],"$defs":{"n":{"type":"integer"}},
        "additionalProperties":false}}},
      {"type":"function","function":{"name":"g"}}])",
                                 "tools");
  const auto accepts = [&](const Json& schema, std::string_view text) {
    Pushdown pushdown = compile_json_schema(schema, call_frame());
    auto state = pushdown.start();
    for (const char c : text) state = pushdown.step(state, static_cast<uint8_t>(c));
    return pushdown.done(state);
  };
  const std::string f = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>",
                    g = "<tool_call>\n{\"name\": \"g\", \"arguments\": {\"y\": []}}\n</tool_call>";
  const Json named = call_schema(tools, {"f"}), any = call_schema(tools, {});
  CHECK(accepts(named, f));
  CHECK_FALSE(accepts(named, g));
  CHECK(accepts(any, f));
  CHECK(accepts(any, g));
  CHECK_FALSE(accepts(any, "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>"));
  ToolCallReader reader;
  const ToolCallReader::Found found = reader.push(f, true);
  CHECK(found.content.empty());
  CHECK(found.calls.at(0).name == "f");
}

TEST_CASE("a named call ends with stop, a required one with tool_calls") {
  for (const bool named : {false, true}) {
    const auto script = std::make_shared<Script>();
    script->say("<tool_call>\n{\"name\":\"f\",\"arguments\":{}}\n</tool_call>");
    script->finish();
    script->end();
    ChatAnswer answer = answer_of();
    answer.tool_calls = true;
    answer.named_call = named;
    Work work;
    FakeGeneration generation(script);
    const Json choice = Json::parse(chat_json(answer, generation, work), "answer").at("choices")[0];
    CHECK(choice.string("finish_reason") == (named ? "stop" : "tool_calls"));
    CHECK(choice.at("message").at("tool_calls").size() == 1);
  }
}

TEST_CASE("several generations read as one, their choices in order") {
  std::vector<std::shared_ptr<Script>> scripts;
  std::vector<std::unique_ptr<Generation>> generations;
  for (int i = 0; i < 3; ++i) {
    scripts.push_back(std::make_shared<Script>());
    generations.push_back(std::make_unique<FakeGeneration>(scripts.back()));
  }
  const auto all = together(std::move(generations), 2);
  CHECK_FALSE(all->wait_for(0.01));
  scripts[2]->say("c", 1);
  CHECK(all->wait_for(10));
  CHECK(all->next()->choice == 5);  // though the first two say nothing yet
  for (const auto& script : scripts) script->end();
  CHECK_FALSE(all->next());
  CHECK(all->usage().prompt_tokens == 15);
}

}  // namespace
}  // namespace winnow
