#include "text/chat_template.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/mapped_file.h"
#include "base/utf8.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

// What transformers adds to each message: reasoning under the names that templates read.
jinja::Value with_reasoning_names(jinja::Budget& budget, const jinja::Value& message) {
  const jinja::Dict* dict = message.dict();
  if (!dict) fail(Code::kInvalidArgument, "messages: want objects, got ", message.type());
  for (const std::string_view name : {"reasoning_content", "thinking", "reasoning"}) {
    const jinja::Value* found = dict->find(name);
    if (!found || found->is_none()) continue;
    std::vector<std::pair<jinja::Value, jinja::Value>> items = {{"thinking", *found}};
    items.insert(items.end(), dict->items.begin(), dict->items.end());
    items.emplace_back("reasoning_content", *found);
    return jinja::make_dict(budget, std::move(items));
  }
  return message;
}

jinja::Value messages_value(const Json& messages) {
  const jinja::Value all = jinja::Value::from_json(messages);
  if (!all.sequence()) fail(Code::kInvalidArgument, "messages: want an array, got ", all.type());
  jinja::Budget budget;
  std::vector<jinja::Value> out;
  for (const jinja::Value& message : all.sequence()->items)
    out.push_back(with_reasoning_names(budget, message));
  return jinja::make_sequence(budget, std::move(out));
}

class ParsedTemplate final : public ChatTemplate {
 public:
  ParsedTemplate(std::string_view source, std::string_view what, std::string bos, std::string eos)
      : what_(what), bos_(std::move(bos)), eos_(std::move(eos)) {
    if (const auto at = invalid_utf8_at(source))
      fail(Code::kCorrupt, what_, ": want UTF-8, got another byte at ", *at);
    program_.source = jinja::normalize_source(source);
    try {
      program_.body = jinja::parse_template(program_.source);
    } catch (const Error& e) {
      fail(e.code(), what_, ": ", e.what());
    }
  }

  std::string render(const ChatRender& input) const override {
    try {
      return jinja::run(program_, variables(input));
    } catch (const Error& e) {
      fail(e.code(), what_, ": ", e.what());
    }
  }

 private:
  jinja::Variables variables(const ChatRender& input) const {
    jinja::Variables out;
    if (!bos_.empty()) out.emplace_back("bos_token", jinja::Value(bos_));
    if (!eos_.empty()) out.emplace_back("eos_token", jinja::Value(eos_));
    out.emplace_back("messages", messages_value(input.messages));
    out.emplace_back("tools", jinja::Value::from_json(input.tools));
    out.emplace_back("documents", jinja::Value());
    out.emplace_back("add_generation_prompt", jinja::Value(input.add_generation_prompt));
    if (!input.extra.is_null())
      for (const auto& [name, value] : input.extra.members())
        out.emplace_back(std::string(name), jinja::Value::from_json(value));
    return out;
  }

  std::string what_, bos_, eos_;
  jinja::Program program_;
};

// The template for requests with tools beside the one for all others.
class NamedTemplates final : public ChatTemplate {
 public:
  NamedTemplates(std::shared_ptr<const ChatTemplate> plain,
                 std::shared_ptr<const ChatTemplate> tool_use)
      : plain_(std::move(plain)), tool_use_(std::move(tool_use)) {}

  std::string render(const ChatRender& input) const override {
    return (input.tools.is_null() ? plain_ : tool_use_)->render(input);
  }

 private:
  std::shared_ptr<const ChatTemplate> plain_, tool_use_;
};

std::optional<std::string> read_if_there(const fs::path& path) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  if (fs::file_size(path, error) == 0) return "";
  const auto file = MappedFile::open(path.string());
  return std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
}

std::optional<Json> json_if_there(const fs::path& path) {
  const std::optional<std::string> text = read_if_there(path);
  if (!text) return std::nullopt;
  return Json::parse(*text, path.string());
}

// "</s>", or {"content": "</s>", ...}; empty when absent.
std::string token_of(const std::optional<Json>& config, std::string_view name) {
  const std::optional<Json> token = config ? config->find(name) : std::nullopt;
  if (!token) return {};
  return std::string(token->is_object() ? token->string("content") : token->string());
}

}  // namespace

std::shared_ptr<const ChatTemplate> ChatTemplate::parse(std::string_view jinja,
                                                        std::string_view what,
                                                        std::string bos_token,
                                                        std::string eos_token) {
  return std::make_shared<ParsedTemplate>(jinja, what, std::move(bos_token), std::move(eos_token));
}

std::shared_ptr<const ChatTemplate> ChatTemplate::from_folder(const std::string& folder) {
  const fs::path root(folder);
  const std::optional<Json> config = json_if_there(root / "tokenizer_config.json");
  const std::string bos = token_of(config, "bos_token"), eos = token_of(config, "eos_token");
  const auto parsed = [&](std::string_view text, const fs::path& path, std::string_view name = {}) {
    return parse(text, cat(path.string(), name.empty() ? "" : ": ", name), bos, eos);
  };
  if (const auto text = read_if_there(root / "chat_template.jinja"))
    return parsed(*text, root / "chat_template.jinja");
  for (const char* file : {"chat_template.json", "tokenizer_config.json"}) {
    const std::optional<Json> json = json_if_there(root / file);
    const std::optional<Json> found = json ? json->find("chat_template") : std::nullopt;
    if (!found) continue;
    if (found->is_string()) return parsed(found->string(), root / file);
    std::shared_ptr<const ChatTemplate> plain, tool_use;
    for (size_t i = 0; i < found->size(); ++i) {
      const std::string_view name = (*found)[i].string("name");
      if (name == "default") plain = parsed((*found)[i].string("template"), root / file, name);
      if (name == "tool_use") tool_use = parsed((*found)[i].string("template"), root / file, name);
    }
    if (!plain)
      fail(Code::kUnsupported, (root / file).string(),
           ": chat_template: want one named \"default\", got none");
    return tool_use ? std::make_shared<NamedTemplates>(plain, tool_use) : plain;
  }
  return nullptr;
}

}  // namespace winnow
