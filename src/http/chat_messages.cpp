#include "http/chat_messages.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/error.h"
#include "http/generate_body.h"

namespace winnow {
namespace {

constexpr std::array<std::string_view, 6> kRoles{"system",    "developer", "user",
                                                 "assistant", "tool",      "function"};

bool has_parts(const Json& message) {
  const auto content = message.find("content");
  return content && content->is_array();
}

void append_text_parts(JsonWriter& json, const Json& parts) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += '\n';
    text += parts[i].string("text");
  }
  json.value(text);
}

void check_parts(const Json& parts) {
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string type(parts[i].string("type"));
    if (type != "text")
      fail(Code::kUnsupported, parts[i].path(), ": want parts of type text, got ", type);
    (void)parts[i].string("text");
  }
}

// The object that the text of a call's arguments says; empty: it says none.
std::optional<Json> arguments_object(const Json& function) {
  const auto arguments = function.find("arguments");
  if (!arguments || !arguments->is_string()) return std::nullopt;
  try {
    Json parsed = Json::parse(arguments->string(), "arguments");
    if (parsed.is_object()) return parsed;
  } catch (const Error&) {
    // A model's own words are no reason to refuse the conversation: the template gets them.
  }
  return std::nullopt;
}

void append_tool_calls(JsonWriter& json, const Json& calls) {
  json.begin_array();
  for (size_t i = 0; i < calls.size(); ++i) {
    json.begin_object();
    for (const auto& [key, value] : calls[i].members()) {
      json.key(key);
      if (key != "function" || !value.is_object()) {
        append_json(json, value);
        continue;
      }
      const auto object = arguments_object(value);
      json.begin_object();
      for (const auto& [name, member] : value.members())
        append_json(json.key(name), name == "arguments" && object ? *object : member);
      json.end_object();
    }
    json.end_object();
  }
  json.end_array();
}

// A conversation of one user's text, rendered and read back.
std::string rendered(const Engine& engine, std::string_view content_json, const Json& tools) {
  ChatRender render;
  render.messages =
      Json::parse(cat(R"([{"role":"user","content":)", content_json, "}]"), "a conversation");
  render.tools = tools;
  return engine.tokenizer().decode(engine.chat_prompt(render), /*skip_special_tokens=*/false);
}

}  // namespace

void check_messages(const Json& messages) {
  require(messages.is_array(), messages.path(), ": want an array of messages, got ",
          messages.kind());
  if (messages.size() == 0) fail(Code::kEmpty, "`messages` cannot be empty");
  for (size_t i = 0; i < messages.size(); ++i) {
    const Json message = messages[i];
    const std::string_view role = message.string("role");
    require(std::find(kRoles.begin(), kRoles.end(), role) != kRoles.end(), message.path(),
            ".role: want system, developer, user, assistant or tool, got ", role);
    const auto content = message.find("content");
    if (content)
      require(content->is_string() || content->is_array(), content->path(),
              ": want a string or an array of parts, got ", content->kind());
    if (has_parts(message)) check_parts(*content);
    if (const auto calls = message.find("tool_calls"))
      require(calls->is_array(), calls->path(), ": want an array, got ", calls->kind());
  }
}

Json template_messages(const Json& messages, const std::function<bool()>& keeps_parts) {
  bool parts = false, as_it_is = true;
  for (size_t i = 0; i < messages.size(); ++i) {
    parts = parts || has_parts(messages[i]);
    if (messages[i].string("role") == "developer" || messages[i].find("tool_calls"))
      as_it_is = false;
  }
  const bool join = parts && !keeps_parts();
  if (as_it_is && !join) return messages;
  JsonWriter json;
  json.begin_array();
  for (size_t i = 0; i < messages.size(); ++i) {
    json.begin_object();
    for (const auto& [key, value] : messages[i].members()) {
      json.key(key);
      if (key == "role" && value.string() == "developer")
        json.value("system");
      else if (key == "content" && join && value.is_array())
        append_text_parts(json, value);
      else if (key == "tool_calls" && value.is_array())
        append_tool_calls(json, value);
      else
        append_json(json, value);
    }
    json.end_object();
  }
  return Json::parse(json.end_array().text(), "messages", {.allow_invalid_utf8 = true});
}

bool template_keeps_parts(const Engine& engine) {
  try {
    const std::string text =
        rendered(engine, R"([{"type":"text","text":"one part"}])", /*tools=*/{});
    return text.find("one part") != text.npos && text.find("type") == text.npos;
  } catch (const Error&) {
    return false;
  }
}

bool template_has_tool_call_tags(const Engine& engine, const Json& tools) {
  try {
    return rendered(engine, R"("a")", tools).find("<tool_call>") != std::string::npos;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace winnow
