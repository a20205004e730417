#include "http/completions_route.h"

#include <doctest/doctest.h>

#include "http/body.h"
#include "http/fake_generation.h"
#include "http/throws.h"

namespace winnow {
namespace {

using test::check_throws;
using test::FakeGeneration;
using test::Script;
using Ids = std::vector<int32_t>;

CompletionRequest parse(std::string_view body) {
  return parse_completion(parse_body(body), {}, {});
}

TEST_CASE("a completion's prompt is a text, ids, or a list of either") {
  using Prompts = std::vector<std::variant<std::string, Ids>>;
  CHECK(parse(R"({"prompt":"a"})").prompts == Prompts{"a"});
  CHECK(parse(R"({"prompt":[1,2]})").prompts == Prompts{Ids{1, 2}});
  CHECK(parse(R"({"prompt":["a","b"]})").prompts == Prompts{"a", "b"});
  CHECK(parse(R"({"prompt":[[1],[2,3]]})").prompts == Prompts{Ids{1}, Ids{2, 3}});
  check_throws(Code::kEmpty, "`prompt` cannot be empty", [] { parse(R"({"prompt":[]})"); });
  check_throws(Code::kEmpty, "prompt[0]", [] { parse(R"({"prompt":[[]]})"); });
  check_throws(Code::kInvalidArgument, "missing key `prompt`", [] { parse("{}"); });
}

TEST_CASE("a completion has OpenAI's defaults and logprobs by number") {
  const CompletionRequest plain = parse(R"({"prompt":"a"})");
  CHECK(plain.body.request.max_tokens == 16);
  CHECK(plain.body.request.sampling.top_logprobs == -1);
  CHECK_FALSE(plain.echo);
  CHECK(parse(R"({"prompt":"a","logprobs":0})").logprobs);
  CHECK(parse(R"({"prompt":"a","logprobs":3})").body.request.sampling.top_logprobs == 3);
  check_throws(Code::kUnsupported, "`echo`",
               [] { parse(R"({"prompt":"a","logprobs":1,"echo":true})"); });
  check_throws(Code::kUnsupported, "`suffix`", [] { parse(R"({"prompt":"a","suffix":"b"})"); });
}

TEST_CASE("a completion answers with text, offsets and the echoed prompt") {
  const auto script = std::make_shared<Script>();
  for (const char* text : {"Gr\u00FC", "n"}) {
    TokenReport report;
    report.chosen = {.id = 1, .bytes = text, .logprob = -1};
    report.top = {{.id = 2, .bytes = "x", .logprob = -0.5f}};
    script->add([report] {
      return std::optional(
          Delta{.choice = 0, .text = report.chosen.bytes, .reports = {report}, .finish = {}});
    });
  }
  script->finish();
  script->end();
  FakeGeneration generation(script);
  CompletionAnswer answer;
  answer.head = {"cmpl-1", "m", 7};
  answer.echoed = {"Prompt: "};
  answer.logprobs = true;
  Work work;
  const Json json = Json::parse(completion_json(answer, generation, work), "answer");
  CHECK(json.string("object") == "text_completion");
  const Json choice = json.at("choices")[0];
  CHECK(choice.string("text") == "Prompt: Gr\u00FCn");
  CHECK(choice.string("finish_reason") == "stop");
  const Json logprobs = choice.at("logprobs");
  CHECK(logprobs.at("tokens")[1].string() == "n");
  CHECK(logprobs.at("text_offset")[1].integer() == 3);
  CHECK(logprobs.at("top_logprobs")[0].number("x") == -0.5);
  CHECK(logprobs.at("top_logprobs")[0].number("Gr\u00FC") == -1);
  CHECK(json.at("usage").integer("completion_tokens") == 3);
}

TEST_CASE("a streamed completion echoes first and ends with its reason") {
  const auto script = std::make_shared<Script>();
  script->say("b");
  script->finish(Finish::kLength);
  script->end();
  CompletionAnswer answer;
  answer.head = {"cmpl-1", "m", 7};
  answer.echoed = {"a"};
  answer.continuous_usage = true;
  Work work;
  const auto stream = completion_stream(answer, std::make_unique<FakeGeneration>(script), work);
  std::vector<std::string> events;
  for (bool last = false; !last;) {
    BodyStream::Piece piece = stream->next();
    events.push_back(piece.bytes);
    last = piece.last;
  }
  REQUIRE(events.size() == 4);
  CHECK(events[0].find(R"("text":"a","logprobs":null,"finish_reason":null)") != std::string::npos);
  CHECK(events[1].find(R"("text":"b")") != std::string::npos);
  CHECK(events[2].find(R"("text":"","logprobs":null,"finish_reason":"length")") !=
        std::string::npos);
  CHECK(events[2].find(R"("usage":{)") != std::string::npos);
  CHECK(events[3] == "data: [DONE]\n\n");
}

}  // namespace
}  // namespace winnow
