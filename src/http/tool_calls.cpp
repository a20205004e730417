#include "http/tool_calls.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "http/generate_body.h"

namespace winnow {
namespace {

constexpr std::string_view kOpen = "<tool_call>", kClose = "</tool_call>", kSpace = " \t\r\n";

// How many bytes at the end of the text may begin the tag.
size_t beginning_of_tag(std::string_view text) {
  for (size_t size = std::min(text.size(), kOpen.size() - 1); size > 0; --size)
    if (text.ends_with(kOpen.substr(0, size))) return size;
  return 0;
}

// Empty: it is no call.
std::optional<ToolCall> parse_call(std::string_view text) {
  try {
    const Json call = Json::parse(text, "a tool call");
    ToolCall found;
    found.name = call.string("name");
    const auto arguments = call.find("arguments");
    if (!arguments) {
      found.arguments = "{}";
    } else if (arguments->is_string()) {
      found.arguments = arguments->string();
    } else {
      JsonWriter json;
      append_json(json, *arguments);
      found.arguments = json.take();
    }
    return found;
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

ToolCallReader::Found ToolCallReader::push(std::string_view text, bool last) {
  Found found;
  held_ += text;
  // Content whose last white space waits for what follows it.
  const auto add_content = [&](std::string_view content) {
    const size_t end = content.find_last_not_of(kSpace);
    if (end == content.npos) return void(space_ += content);
    found.content.append(space_).append(content.substr(0, end + 1));
    space_ = content.substr(end + 1);
  };
  for (;;) {
    const size_t open = held_.find(kOpen);
    if (open == held_.npos) {
      const size_t keep = last ? 0 : beginning_of_tag(held_);
      add_content(std::string_view(held_).substr(0, held_.size() - keep));
      held_.erase(0, held_.size() - keep);
      break;
    }
    add_content(std::string_view(held_).substr(0, open));
    held_.erase(0, open);
    const size_t close = held_.find(kClose);
    if (close == held_.npos) {
      if (!last) break;
      add_content(held_);
      held_.clear();
      break;
    }
    const std::string_view inside =
        std::string_view(held_).substr(kOpen.size(), close - kOpen.size());
    if (auto call = parse_call(inside)) {
      space_.clear();
      any_ = true;
      found.calls.push_back(std::move(*call));
    } else {
      add_content(std::string_view(held_).substr(0, close + kClose.size()));
    }
    held_.erase(0, close + kClose.size());
  }
  if (last && !any_) found.content += std::exchange(space_, {});
  return found;
}

}  // namespace winnow
