#include "app/conversation.h"

#include <algorithm>
#include <array>

#include "app/did_you_mean.h"
#include "base/error.h"
#include "base/utf8.h"

namespace winnow {
namespace {

using Kind = ChatCommand::Kind;

struct Known {
  std::string_view name;
  Kind kind;
  bool wants_text;
};

constexpr std::array<Known, 10> kCommands{{{"help", Kind::kHelp, false},
                                           {"system", Kind::kSystem, false},
                                           {"clear", Kind::kClear, false},
                                           {"retry", Kind::kRetry, false},
                                           {"undo", Kind::kUndo, false},
                                           {"save", Kind::kSave, true},
                                           {"load", Kind::kLoad, true},
                                           {"set", Kind::kSet, true},
                                           {"stats", Kind::kStats, false},
                                           {"quit", Kind::kQuit, false}}};

std::string_view trimmed(std::string_view text) {
  const size_t start = text.find_first_not_of(" \t");
  if (start == text.npos) return {};
  return text.substr(start, text.find_last_not_of(" \t") + 1 - start);
}

}  // namespace

std::string Conversation::to_json() const {
  JsonWriter json;
  const auto message = [&](const std::string& role, const std::string& content) {
    json.begin_object().member("role", role).member("content", repair_utf8(content)).end_object();
  };
  json.begin_object().key("messages").begin_array();
  if (!system.empty()) message("system", system);
  for (const Turn& turn : turns) message(turn.role, turn.content);
  return json.end_array().end_object().take();
}

Json Conversation::messages() const { return Json::parse(to_json(), "chat").at("messages"); }

bool Conversation::undo() {
  if (!retry()) return false;
  turns.pop_back();
  return true;
}

bool Conversation::retry() {
  const auto last = std::find_if(turns.rbegin(), turns.rend(),
                                 [](const Turn& turn) { return turn.role == "user"; });
  if (last == turns.rend()) return false;
  turns.erase(last.base(), turns.end());
  return true;
}

Conversation parse_conversation(std::string_view text, std::string_view name) {
  const Json root = Json::parse(text, name);
  const Json messages = root.is_object() ? root.at("messages") : root;
  require(messages.is_array(), messages.path(), ": want an array of messages, got ",
          messages.kind());
  Conversation conversation;
  for (size_t i = 0; i < messages.size(); ++i) {
    const Turn turn{std::string(messages[i].string("role")),
                    std::string(messages[i].string("content"))};
    if (turn.role == "system" && i == 0) {
      conversation.system = turn.content;
      continue;
    }
    require(turn.role == "user" || turn.role == "assistant", messages[i].path(),
            ": want the role user or assistant, got ", turn.role);
    conversation.turns.push_back(turn);
  }
  return conversation;
}

ChatCommand parse_chat_line(std::string_view line) {
  if (line.starts_with("//")) return {Kind::kSay, std::string(line.substr(1))};
  if (!line.starts_with('/')) return {Kind::kSay, std::string(line)};
  const size_t end = line.find_first_of(" \t\n");
  const std::string_view name = line.substr(1, end == line.npos ? end : end - 1);
  const std::string text(end == line.npos ? "" : trimmed(line.substr(end + 1)));
  for (const Known& known : kCommands) {
    if (known.name != name) continue;
    require(!known.wants_text || !text.empty(), '/', name, ": want ",
            known.kind == Kind::kSet ? "a name and a value" : "a file", ", got nothing");
    return {known.kind, text};
  }
  std::vector<std::string> names;
  names.reserve(std::size(kCommands));
  for (const Known& known : kCommands) names.emplace_back(known.name);
  fail(Code::kInvalidArgument, '/', name, ": want a command that /help lists",
       did_you_mean(name, names));
}

std::string_view chat_help() {
  return "/system TEXT        what the model is told before all; without TEXT nothing\n"
         "/clear              forget what was said\n"
         "/retry              answer the last question again\n"
         "/undo               take back the last question and its answer\n"
         "/save FILE          write the conversation, as JSON\n"
         "/load FILE          go on with one\n"
         "/set NAME VALUE     temperature, top_p, top_k, min_p, repetition_penalty,\n"
         "                    presence_penalty, frequency_penalty, seed, max_tokens\n"
         "/stats              tokens and speed of the last answer\n"
         "/quit               leave; so does the end of input\n"
         "A backslash at a line's end goes on with the next line; // says a slash.\n"
         "Ctrl-C stops an answer, and leaves where there is none.\n";
}

std::string terminal_text(std::string_view text) {
  const std::string whole = repair_utf8(text);
  std::string out;
  for (size_t at = 0; at < whole.size();) {
    const CodePoint c = decode_utf8(whole, at);
    const bool control = c.value < 0x20 || (c.value >= 0x7F && c.value < 0xA0);
    if (!control || c.value == '\n' || c.value == '\t') out.append(whole, at, c.bytes);
    at += c.bytes;
  }
  return out;
}

}  // namespace winnow
