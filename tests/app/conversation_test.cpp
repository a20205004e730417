#include "app/conversation.h"

#include <doctest/doctest.h>

#include "app/sampling_flags.h"
#include "base/error.h"

using namespace winnow;
using Kind = ChatCommand::Kind;

namespace {

template <typename Function>
std::string complaint(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no complaint";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a line is said, or is a command with what it is given") {
  const auto is = [](std::string_view line, Kind kind, const std::string& text) {
    const ChatCommand command = parse_chat_line(line);
    return command.kind == kind && command.text == text;
  };
  CHECK(is("Hello /help", Kind::kSay, "Hello /help"));
  CHECK(is("//help", Kind::kSay, "/help"));
  CHECK(is("/help", Kind::kHelp, ""));
  CHECK(is("/system  You are a bee. ", Kind::kSystem, "You are a bee."));
  CHECK(is("/system", Kind::kSystem, ""));
  CHECK(is("/save a b.json", Kind::kSave, "a b.json"));
  CHECK(is("/set temperature 0.2", Kind::kSet, "temperature 0.2"));
  CHECK(is("/quit", Kind::kQuit, ""));
}

TEST_CASE("a command that there is not, or that wants more, is refused") {
  CHECK(contains(complaint([] { parse_chat_line("/retyr"); }), "did you mean \"retry\"?"));
  CHECK(contains(complaint([] { parse_chat_line("/save "); }), "/save: want a file"));
  CHECK(contains(complaint([] { parse_chat_line("/set"); }), "/set: want a name and a value"));
}

TEST_CASE("every command is in the help") {
  for (const char* name :
       {"system", "clear", "retry", "undo", "save", "load", "set", "stats", "quit"})
    CHECK(contains(std::string(chat_help()), cat('/', name)));
}

TEST_CASE("a conversation is OpenAI's messages, and reads back as it was") {
  Conversation c;
  c.system = "Be short.";
  c.turns = {{"user", "a \"quoted\"\nline"}, {"assistant", "b"}};
  CHECK(c.to_json() == R"({"messages":[{"role":"system","content":"Be short."},)"
                       R"({"role":"user","content":"a \"quoted\"\nline"},)"
                       R"({"role":"assistant","content":"b"}]})");
  CHECK(c.messages().size() == 3);
  const Conversation again = parse_conversation(c.to_json(), "file");
  CHECK(again.system == c.system);
  CHECK(again.turns == c.turns);
  CHECK(parse_conversation(R"([{"role":"user","content":"a"}])", "file").turns.size() == 1);
  CHECK(contains(complaint([] { parse_conversation(R"([{"role":"tool","content":"a"}])", "f"); }),
                 "want the role user or assistant, got tool"));
}

TEST_CASE("undo takes back a question and its answer, retry the answer alone") {
  Conversation c;
  CHECK_FALSE(c.undo());
  CHECK_FALSE(c.retry());
  c.turns = {{"user", "1"}, {"assistant", "2"}, {"user", "3"}, {"assistant", "4"}};
  CHECK(c.retry());
  CHECK(c.turns.size() == 3);
  CHECK(c.retry());
  CHECK(c.turns.back().content == "3");
  CHECK(c.undo());
  CHECK(c.turns.size() == 2);
}

TEST_CASE("/set changes one option, and refuses what is out of its range") {
  GenerateRequest request;
  set_sampling("temperature 0.2", request);
  set_sampling("top-p=0.5", request);
  set_sampling("top_k 7", request);
  set_sampling("seed -1", request);
  set_sampling("max_tokens 9", request);
  CHECK(request.sampling.temperature == 0.2f);
  CHECK(request.sampling.top_p == 0.5f);
  CHECK(request.sampling.top_k == 7);
  CHECK(request.sampling.seed == ~uint64_t{0});
  CHECK(request.max_tokens == 9);
  const auto refused = [&](std::string_view text) {
    return complaint([&] { set_sampling(text, request); });
  };
  CHECK(contains(refused("temperature 3"), "temperature"));
  CHECK(contains(refused("temperature hot"), "want a number, got \"hot\""));
  CHECK(contains(refused("temperature"), "want a number, got \"\""));
  CHECK(contains(refused("temprature 1"), "did you mean \"temperature\"?"));
  CHECK(contains(refused("max_tokens -1"), "max_tokens"));
  CHECK(request.sampling.temperature == 0.2f);
}

TEST_CASE("a model's text cannot steer a terminal") {
  CHECK(terminal_text("a\x1B[31mb\n\tc\r\x07") == "a[31mb\n\tc");
  CHECK(terminal_text("\u009B1m\u00E9\U0001F600") == "1m\u00E9\U0001F600");
  CHECK(terminal_text("\xFF") == "\uFFFD");
}
