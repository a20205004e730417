// Any bytes as a chat template over one conversation: a prompt in UTF-8, or one Error; within the
// budget, and the same the second time.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"

namespace {

using namespace winnow;

const jinja::Variables& variables() {
  static const jinja::Variables all = [] {
    const Json context = Json::parse(
        R"({"messages": [{"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Grüße 你好 <|im_end|>\n"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "a", "function":
              {"name": "f", "arguments": {"x": [1, 2.5, true, null], "y": {}}}}]},
            {"role": "tool", "content": "</think>1"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>",
            "n": 7, "f": 2.5, "s": "a b,c", "l": [3, 1, 2], "d": {"b": 1, "a": 2}})",
        "context");
    jinja::Variables out;
    for (const auto& [name, value] : context.members())
      out.emplace_back(std::string(name), jinja::Value::from_json(value));
    return out;
  }();
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  if (invalid_utf8_at(source)) return 0;  // ChatTemplate::parse refuses it
  try {
    jinja::Program program;
    program.source = jinja::normalize_source(source);
    program.body = jinja::parse_template(program.source);
    constexpr jinja::Limits kSmall{.steps = 200'000, .bytes = 8 << 20, .depth = 400};
    const std::string text = jinja::run(program, variables(), kSmall);
    if (invalid_utf8_at(text) || text.size() > (8 << 20)) std::abort();
    if (source.find("strftime") == source.npos && jinja::run(program, variables(), kSmall) != text)
      std::abort();
  } catch (const Error&) {
  }
  return 0;
}
