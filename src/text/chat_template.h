// Chat templates: a checkpoint's own Jinja, which turns a conversation into the prompt. Executed as
// transformers executes it, by a small interpreter (jinja/) of what published templates use.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"

namespace winnow {

struct ChatRender {
  Json messages;  // an array of objects {role, content, ...} as the client sent them
  Json tools;     // null, or an array as the client sent it
  bool add_generation_prompt = true;
  Json extra;  // null, or an object of further variables: enable_thinking, date_string, documents
};

// Immutable; one may render on several threads.
class ChatTemplate {
 public:
  virtual ~ChatTemplate() = default;

  // `what` (a file's name) opens every message, also those of render. An empty token is undefined
  // in the template. Throws kCorrupt for what is no Jinja and kUnsupported for what winnow lacks,
  // with line, column and the construct.
  static std::shared_ptr<const ChatTemplate> parse(std::string_view jinja, std::string_view what,
                                                   std::string bos_token, std::string eos_token);

  // From a model's folder: chat_template.jinja, else chat_template.json, else
  // tokenizer_config.json; there a string, or a list of {name, template}: "tool_use" is for
  // requests with tools, "default" for the others. Tokens are tokenizer_config.json's. Null when
  // the folder has none.
  static std::shared_ptr<const ChatTemplate> from_folder(const std::string& folder);

  // The prompt. Throws kInvalidArgument where the template refuses the conversation (with its own
  // words when it calls raise_exception) or fails on it, as on a message without what it reads;
  // kUnsupported past the limits of jinja/budget.h.
  virtual std::string render(const ChatRender& input) const = 0;
};

}  // namespace winnow
