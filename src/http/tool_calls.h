// The calls of tools in a model's text, as Hermes' and Qwen's templates have them written:
// <tool_call>{"name": ..., "arguments": {...}}</tool_call>. Read as the text comes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace winnow {

struct ToolCall {
  std::string name, arguments;  // arguments: JSON text
};

// One choice's text. Not thread-safe. What is no call stays content, a broken call too; only white
// space beside calls is dropped.
class ToolCallReader {
 public:
  struct Found {
    std::string content;
    std::vector<ToolCall> calls;
  };

  // What is certain now that this text is known: never half a tag, never half a call. `last`: no
  // more text comes.
  Found push(std::string_view text, bool last);

  bool any() const { return any_; }  // a call was found

 private:
  std::string held_;   // not yet certain
  std::string space_;  // white space that is content if content follows it
  bool any_ = false;
};

}  // namespace winnow
