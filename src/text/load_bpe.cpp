#include "text/load_bpe.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/error.h"

namespace winnow {
namespace {

Json component(const std::string& json) { return Json::parse(json, "built-in component"); }

// The regex is not spelled out again: a sequence of Split and ByteLevel is read back as its plan.
std::string pre_tokenizer_json(ByteLevelKind kind, bool prefix_space) {
  const std::string prefix = prefix_space ? "true" : "false";
  const auto bytes = [&](bool use_regex) {
    return cat(R"({"type":"ByteLevel","add_prefix_space":)", prefix, R"(,"trim_offsets":false,)",
               R"("use_regex":)", use_regex ? "true" : "false", "}");
  };
  const auto sequence = [](const std::string& first, const std::string& second) {
    return cat(R"({"type":"Sequence","pretokenizers":[)", first, ",", second, "]}");
  };
  const auto split = [](WordPattern pattern) {
    JsonWriter out;
    out.begin_object().member("type", "Split").key("pattern").begin_object();
    out.member("Regex", word_regex(pattern)).end_object();
    out.member("behavior", "Isolated").member("invert", false).end_object();
    return out.take();
  };
  switch (kind) {
    case ByteLevelKind::kGpt2:
      return bytes(true);
    case ByteLevelKind::kSmolLm:
      return sequence(R"({"type":"Digits","individual_digits":true})", bytes(true));
    case ByteLevelKind::kQwen2:
      return sequence(split(WordPattern::kQwen), bytes(false));
    case ByteLevelKind::kLlama3:
      return sequence(split(WordPattern::kLlama), bytes(false));
  }
  fail(Code::kInternal, "byte-level kind: want one of the list");
}

// Added tokens of a folder's files, by content; later files win.
class AddedList {
 public:
  explicit AddedList(const Bpe& model) : model_(model) {}

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
  void add_special(const Json& token, std::string_view where) {
    const std::string content(token.is_object() ? token.string("content") : token.string());
    const auto known = tokens_.find(content);
    if (known != tokens_.end()) {
      known->second.special = true;
    } else if (const auto id = model_.token_id(content)) {
      add(content, *id, token.is_object() ? &token : nullptr, true, where);
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
  const Bpe& model_;
  std::map<std::string, AddedToken> tokens_;
};

constexpr const char* kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                  "pad_token", "cls_token", "mask_token"};

std::vector<AddedToken> added_of(const BpeFiles& files, const Bpe& model) {
  AddedList list(model);
  if (files.added_tokens)
    for (const auto& [content, id] : files.added_tokens->members())
      list.add(std::string(content), id.integer(), nullptr, false, id.path());
  const auto decoder = files.config ? files.config->find("added_tokens_decoder") : std::nullopt;
  if (decoder) {
    for (const auto& [key, token] : decoder->members()) {
      int64_t id = -1;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
      if (error != std::errc() || end != key.data() + key.size())
        fail(Code::kCorrupt, token.path(), ": want an id as key, got \"", key, '"');
      list.add(std::string(token.string("content")), id, &token, false, token.path());
    }
  }
  for (const Json* const json : {files.special_tokens, files.config}) {
    if (!json) continue;
    for (const char* const role : kRoles)
      if (const auto token = json->find(role)) list.add_special(*token, token->path());
    const auto more = json->find("additional_special_tokens");
    for (size_t i = 0; more && i < more->size(); ++i) list.add_special((*more)[i], more->path());
  }
  return list.take();
}

Bpe::Merges read_merges(std::string_view text, std::string_view path) {
  Bpe::Merges merges;
  for (int64_t line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty() || row.starts_with("#version")) continue;
    merges.push_back(merge_of(row, cat(path, ": line ", line)));
  }
  return merges;
}

}  // namespace

PipelineParts byte_level_parts(ByteLevelKind kind, std::shared_ptr<const Bpe> model,
                               std::vector<AddedToken> added, bool prefix_space) {
  std::unique_ptr<Normalizer> normalizer;
  if (kind == ByteLevelKind::kQwen2) normalizer = make_normalizer(component(R"({"type":"NFC"})"));
  AddedTokens tokens(std::move(added), normalizer.get());
  return {std::move(model),
          std::move(normalizer),
          make_pre_tokenizer(component(pre_tokenizer_json(kind, prefix_space))),
          std::move(tokens),
          bare_template(),
          make_decoder(component(R"({"type":"ByteLevel"})"))};
}

ByteLevelKind byte_level_kind(std::string_view tokenizer_class, std::string_view model_type,
                              std::string_view what) {
  std::string_view name = tokenizer_class.empty() ? model_type : tokenizer_class;
  if (name.ends_with("Fast")) name.remove_suffix(4);
  if (name == "Qwen2Tokenizer" || name == "qwen2" || name == "qwen3") return ByteLevelKind::kQwen2;
  if (name == "GPT2Tokenizer" || name == "gpt2") return ByteLevelKind::kGpt2;
  fail(Code::kUnsupported, what,
       ": want vocab.json and merges.txt of a Qwen2Tokenizer or a GPT2Tokenizer (tokenizer_class, "
       "or the model_type qwen2, qwen3 or gpt2), got ",
       name.empty() ? "none named" : name);
}

std::shared_ptr<const Tokenizer> load_vocab_merges(const BpeFiles& files) {
  const std::string tokenizer_class =
      files.config ? files.config->string("tokenizer_class", "") : "";
  const std::string model_type =
      files.model_config ? files.model_config->string("model_type", "") : "";
  const ByteLevelKind kind = byte_level_kind(tokenizer_class, model_type, files.vocab_path);

  const Json vocab = Json::parse(files.vocab, files.vocab_path);
  std::vector<std::pair<std::string, int64_t>> tokens;
  for (const auto& [token, id] : vocab.members()) tokens.emplace_back(token, id.integer());
  const auto model = std::make_shared<Bpe>(Vocabulary(std::move(tokens), files.vocab_path),
                                           read_merges(files.merges, files.merges_path),
                                           BpeOptions{}, files.merges_path);
  const bool prefix_space = files.config && files.config->boolean("add_prefix_space", false);
  return std::make_shared<Pipeline>(
      byte_level_parts(kind, model, added_of(files, *model), prefix_space));
}

}  // namespace winnow
