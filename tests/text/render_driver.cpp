// Renders templates for tools/chat_goldens.py: one JSON object a line in, {"template", "bos",
// "eos", "input": {messages, tools, add_generation_prompt, extra}} or {"template", "context":
// {...}};
// {"text"} or {"code", "error"} a line out.
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "text/chat_template.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"

namespace {

using namespace winnow;

std::string render_snippet(const Json& line) {
  jinja::Program program;
  program.source = jinja::normalize_source(line.string("template"));
  program.body = jinja::parse_template(program.source);
  jinja::Variables variables;
  for (const auto& [name, value] : line.at("context").members())
    variables.emplace_back(std::string(name), jinja::Value::from_json(value));
  return jinja::run(program, variables);
}

std::string render(const Json& line) {
  if (line.find("context")) return render_snippet(line);
  const auto chat = ChatTemplate::parse(line.string("template"), "template", line.string("bos", ""),
                                        line.string("eos", ""));
  const Json input = line.at("input");
  return chat->render({.messages = input.at("messages"),
                       .tools = input.find("tools").value_or(Json()),
                       .add_generation_prompt = input.boolean("add_generation_prompt", true),
                       .extra = input.find("extra").value_or(Json())});
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    JsonWriter out;
    out.begin_object();
    try {
      const std::string text = render(Json::parse(line, "line"));
      out.member("text", text);
    } catch (const Error& e) {
      out.member("code", code_name(e.code())).member("error", e.what());
    }
    std::cout << out.end_object().text() << '\n';
  }
}
