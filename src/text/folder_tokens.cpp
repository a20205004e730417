#include "text/folder_tokens.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "base/error.h"
#include "text/vocabulary.h"

namespace winnow {
namespace {

std::string content_of(const Json& token) {
  return std::string(token.is_object() ? token.string("content") : token.string());
}

// Added tokens of a folder's files, by content; later files win.
class AddedList {
 public:
  AddedList(const Model& model, const std::vector<AddedToken>& own) : model_(model) {
    for (const AddedToken& token : own) tokens_[token.content] = token;
  }

  void add(const std::string& content, int64_t id, const Json* options, bool special,
           std::string_view where) {
    if (id < 0 || id >= Vocabulary::kMaxIds)
      fail(Code::kCorrupt, where, ": want ids from 0 to ", Vocabulary::kMaxIds - 1, ", got ", id,
           " for \"", content, '"');
    if (content.empty()) fail(Code::kCorrupt, where, ": want some text, got none");
    AddedToken& token = tokens_[content];
    token.content = content;
    token.id = static_cast<int32_t>(id);
    token.special = special;
    if (!options) return;
    token.special = options->boolean("special", special);
    token.single_word = options->boolean("single_word", false);
    token.lstrip = options->boolean("lstrip", false);
    token.rstrip = options->boolean("rstrip", false);
    token.normalized = options->boolean("normalized", !token.special);
  }
  // A role's token, known already or of the model.
  void add_special(const std::string& content, const Json* options, std::string_view where) {
    const auto known = tokens_.find(content);
    if (known != tokens_.end()) {
      known->second.special = true;
    } else if (const auto id = model_.token_id(content)) {
      add(content, *id, options, true, where);
      tokens_[content].special = true;
    }
  }
  std::vector<AddedToken> take() const {
    std::vector<AddedToken> out;
    for (const auto& [content, token] : tokens_) out.push_back(token);
    std::sort(out.begin(), out.end(),
              [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
    return out;
  }

 private:
  const Model& model_;
  std::map<std::string, AddedToken> tokens_;
};

constexpr const char* kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                  "pad_token", "cls_token", "mask_token"};

}  // namespace

std::string FolderConfigs::tokenizer_class() const {
  std::string name = tokenizer ? tokenizer->string("tokenizer_class", "") : "";
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

std::string FolderConfigs::model_type() const {
  return model ? model->string("model_type", "") : "";
}

bool FolderConfigs::flag(const char* key, bool absent) const {
  return tokenizer ? tokenizer->boolean(key, absent) : absent;
}

std::optional<std::string> token_of_role(const FolderConfigs& configs, const SpecialNames& names,
                                         const char* role) {
  for (const Json* const json : {configs.tokenizer, configs.special_tokens})
    if (const auto token = json ? json->find(role) : std::nullopt) return content_of(*token);
  for (const auto& [of, token] : names)
    if (of == role) return token;
  return std::nullopt;
}

std::vector<AddedToken> added_tokens_of(const FolderConfigs& configs, const SpecialNames& names,
                                        const Model& model, const std::vector<AddedToken>& own) {
  AddedList list(model, own);
  if (configs.added_tokens)
    for (const auto& [content, id] : configs.added_tokens->members())
      list.add(std::string(content), id.integer(), nullptr, false, id.path());
  const auto decoder =
      configs.tokenizer ? configs.tokenizer->find("added_tokens_decoder") : std::nullopt;
  if (decoder) {
    for (const auto& [key, token] : decoder->members()) {
      int64_t id = -1;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (error != std::errc() || end != key.data() + key.size())
        fail(Code::kCorrupt, token.path(), ": want an id as key, got \"", key, '"');
      list.add(std::string(token.string("content")), id, &token, false, token.path());
    }
  }
  const auto add_special = [&](const Json& token, std::string_view where) {
    list.add_special(content_of(token), token.is_object() ? &token : nullptr, where);
  };
  for (const Json* const json : {configs.special_tokens, configs.tokenizer}) {
    if (!json) continue;
    for (const char* const role : kRoles)
      if (const auto token = json->find(role)) add_special(*token, token->path());
    const auto more = json->find("additional_special_tokens");
    for (size_t i = 0; more && i < more->size(); ++i) add_special((*more)[i], more->path());
  }
  for (const char* const role : kRoles)
    if (const auto token = token_of_role(configs, names, role))
      list.add_special(*token, nullptr, role);
  return list.take();
}

std::optional<int32_t> id_of_role(const FolderConfigs& configs, const SpecialNames& names,
                                  const char* role, const Model& model,
                                  const std::vector<AddedToken>& added) {
  const auto content = token_of_role(configs, names, role);
  if (!content) return std::nullopt;
  for (const AddedToken& token : added)
    if (token.content == *content) return token.id;
  return model.token_id(*content);
}

Template framed_by_flags(const FolderConfigs& configs, const SpecialNames& names,
                         const Model& model, const std::vector<AddedToken>& added) {
  const auto id = [&](const char* flag, const char* role) {
    return configs.flag(flag, false) ? id_of_role(configs, names, role, model, added)
                                     : std::nullopt;
  };
  return framed_template(id("add_bos_token", "bos_token"), id("add_eos_token", "eos_token"));
}

}  // namespace winnow
