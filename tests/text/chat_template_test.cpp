// Chat templates of published checkpoints give the prompts that transformers gives.
#include "text/chat_template.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/mapped_file.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

const std::string kTemplates = std::string(WINNOW_TEST_DATA) + "/chat_templates/";

std::string read(const std::string& path) { return std::string(MappedFile::open(path)->text()); }

ChatRender render_of(const Json& conversation) {
  return {.messages = conversation.at("messages"),
          .tools = conversation.find("tools").value_or(Json()),
          .add_generation_prompt = conversation.boolean("add_generation_prompt", true),
          .extra = conversation.find("extra").value_or(Json())};
}

ChatRender render_of(std::string_view json) { return render_of(Json::parse(json, "conversation")); }

using Files = std::vector<std::pair<std::string, std::string>>;

// A folder with these files, gone with the object.
struct Folder {
  fs::path path;
  explicit Folder(const Files& files)
      : path(fs::temp_directory_path() /
             cat("winnow-chat-", std::hash<std::thread::id>()(std::this_thread::get_id()), '-',
                 reinterpret_cast<uintptr_t>(this))) {
    fs::create_directories(path);
    for (const auto& [name, text] : files) std::ofstream(path / name, std::ios::binary) << text;
  }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

constexpr std::string_view kHello = R"({"messages": [{"role": "user", "content": "Hello"}]})";

TEST_CASE("each template gives each conversation transformers' prompt, or refuses it too") {
  const Json goldens = Json::parse(read(kTemplates + "goldens.json"), "goldens.json");
  const Json cases = goldens.at("cases");
  CHECK(cases.size() > 500);
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string name(cases[i].string("template"));
    const std::string_view conversation = cases[i].string("conversation");
    CAPTURE(name);
    CAPTURE(conversation);
    const auto chat = ChatTemplate::parse(read(kTemplates + name + ".jinja"), name,
                                          cases[i].string("bos", ""), cases[i].string("eos", ""));
    const ChatRender input = render_of(goldens.at("conversations").at(conversation));
    if (const auto text = cases[i].find("text")) {
      CHECK(chat->render(input) == text->string());
      continue;
    }
    try {
      chat->render(input);
      FAIL_CHECK("want a refusal");
    } catch (const Error& e) {
      CHECK(e.code() == Code::kInvalidArgument);
      if (cases[i].string("error") == "TemplateError")  // raise_exception
        CHECK(std::string_view(e.what()).ends_with(cases[i].string("says")));
    }
  }
}

TEST_CASE("a template's message names the template, the place and its own words") {
  const auto chat =
      ChatTemplate::parse("\n{{ raise_exception('No ' ~ messages[0].role) }}", "my model", "", "");
  CHECK_THROWS_WITH(chat->render(render_of(kHello)), "my model: line 2, column 19: No user");
  CHECK_THROWS_WITH(ChatTemplate::parse("{% x %}", "my model", "", ""),
                    "my model: line 1, column 1: winnow has no tag 'x'");
  CHECK_THROWS_WITH(ChatTemplate::parse("a\xff", "my model", "", ""),
                    "my model: want UTF-8, got another byte at 1");
  CHECK_THROWS_WITH(chat->render(render_of(R"({"messages": {}})")),
                    "my model: messages: want an array, got dict");
  CHECK_THROWS_WITH(chat->render(render_of(R"({"messages": [1]})")),
                    "my model: messages: want objects, got int");
}

TEST_CASE("a template sees the tokens, the tools and the request's further variables") {
  const auto chat = ChatTemplate::parse(
      "{{ bos_token }}|{{ eos_token }}|{{ tools }}|{{ documents }}|{{ add_generation_prompt }}|"
      "{{ x }}|{{ bos_token is defined }}",
      "t", "", "</s>");
  CHECK(chat->render(render_of(kHello)) == "|</s>|None|None|True||False");
  CHECK(chat->render(render_of(R"({"messages": [], "tools": [1], "add_generation_prompt": false,
                                   "extra": {"x": 5, "documents": []}})")) ==
        "|</s>|[1]|[]|False|5|False");
}

TEST_CASE("a folder's template is found where transformers looks, with its tokens") {
  const std::string tokens = R"("bos_token": "<b>", "eos_token": {"content": "<e>"})";
  const std::string config = "{" + tokens + R"(, "chat_template": "config {{ bos_token }}"})";
  const auto text_of = [](const Files& files, std::string_view input) {
    const Folder folder(files);
    const auto chat = ChatTemplate::from_folder(folder.path.string());
    return chat ? chat->render(render_of(input)) : std::string("none");
  };
  CHECK(text_of({}, kHello) == "none");
  CHECK(text_of({{"tokenizer_config.json", "{" + tokens + "}"}}, kHello) == "none");
  CHECK(text_of({{"tokenizer_config.json", config}}, kHello) == "config <b>");
  CHECK(text_of({{"tokenizer_config.json", config},
                 {"chat_template.json", R"({"chat_template": "json {{ eos_token }}"})"}},
                kHello) == "json <e>");
  CHECK(text_of({{"tokenizer_config.json", config},
                 {"chat_template.jinja", "jinja {{ bos_token ~ eos_token }}\n"}},
                kHello) == "jinja <b><e>");
  CHECK(text_of({{"chat_template.jinja", ""}}, kHello) == "");
}

TEST_CASE("of named templates, tool_use is for requests with tools and default for the others") {
  const std::string named = R"({"chat_template": [{"name": "default", "template": "plain"},
      {"name": "rag", "template": "{% not read %}"}, {"name": "tool_use", "template": "tools"}]})";
  const Folder folder(Files{{"tokenizer_config.json", named}});
  const auto chat = ChatTemplate::from_folder(folder.path.string());
  CHECK(chat->render(render_of(kHello)) == "plain");
  CHECK(chat->render(render_of(R"({"messages": [], "tools": []})")) == "tools");
  const Folder without(
      Files{{"tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": ""}]})"}});
  CHECK_THROWS_AS(ChatTemplate::from_folder(without.path.string()), Error);
}

TEST_CASE("one template renders on several threads") {
  const auto chat = ChatTemplate::parse(read(kTemplates + "qwen3.jinja"), "qwen3", "", "");
  const Json input = Json::parse(kHello, "conversation");
  const std::string want = chat->render(render_of(input));
  std::vector<std::string> got(4);
  std::vector<std::thread> threads;
  for (std::string& text : got)
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) text = chat->render(render_of(input));
    });
  for (std::thread& t : threads) t.join();
  for (const std::string& text : got) CHECK(text == want);
}

}  // namespace
}  // namespace winnow
