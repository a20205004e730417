// A conversation with a model, and the lines that a person types into it. Plain data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace winnow {

struct Turn {
  std::string role;  // "user" or "assistant"
  std::string content;
  bool operator==(const Turn&) const = default;
};

struct Conversation {
  std::string system;  // empty: none
  std::vector<Turn> turns;

  // OpenAI's `messages`: the system's first, where there is one.
  Json messages() const;
  std::string to_json() const;  // {"messages": [...]}, what /save writes

  // Takes back the last question and, where there is one, its answer; false: there was none.
  bool undo();

  // Takes back the last answer, so that its question stands last; false: there was no question.
  bool retry();
};

// The text that to_json wrote, or a list of messages alone; `name` opens errors. Throws kCorrupt
// for what is no JSON, kInvalidArgument naming the message whose role or content it has not.
Conversation parse_conversation(std::string_view json, std::string_view name);

struct ChatCommand {
  enum class Kind {
    kSay,
    kHelp,
    kSystem,
    kClear,
    kRetry,
    kUndo,
    kSave,
    kLoad,
    kSet,
    kStats,
    kQuit
  };
  Kind kind = Kind::kSay;
  std::string text;  // what is said, or what the command is given
};

// A line as it was typed: a command when it begins with a slash ("//" says a slash). Throws
// kInvalidArgument for a command that there is not, naming the nearest, and for one that wants
// something more.
ChatCommand parse_chat_line(std::string_view line);

// A line each, for /help.
std::string_view chat_help();

// Text for a terminal: no control character but newline and tab, so that a model cannot steer it.
std::string terminal_text(std::string_view text);

}  // namespace winnow
