#include "text/load.h"

#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"
#include "text/pipeline.h"
#include "text/word_piece.h"

namespace winnow {
namespace {

int64_t ids_of(const Model& model, const AddedTokens& added) {
  int64_t ids = model.size();
  for (const AddedToken& token : added.tokens()) ids = std::max<int64_t>(ids, token.id + 1);
  return ids;
}

std::unique_ptr<Normalizer> normalizer_of(const Json& root, const BertOverrides& overrides) {
  const auto json = root.find("normalizer");
  if (!json) return nullptr;
  if (component_type(*json) == "BertNormalizer")
    return make_bert_normalizer(bert_options(*json, overrides));
  return make_normalizer(*json);
}

// The token of a role: a string, or an object with its content.
std::string named_token(const Json* config, const char* role, const char* absent) {
  const auto json = config ? config->find(role) : std::nullopt;
  if (!json) return absent;
  return std::string(json->is_object() ? json->string("content") : json->string());
}

// Lines as Python reads them in text mode: ended by LF, CR LF or CR.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find_first_of("\r\n");
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + (text.substr(end, 2) == "\r\n" ? 2 : 1));
  }
  return lines;
}

// A token that stands on several lines has the last one's number.
Vocabulary read_vocabulary(std::string_view text, std::string_view what) {
  if (const auto at = invalid_utf8_at(text))
    fail(Code::kCorrupt, what, ": want UTF-8, got an invalid byte at ", *at);
  const std::vector<std::string_view> lines = lines_of(text);
  std::unordered_map<std::string_view, int64_t> last;
  for (size_t i = 0; i < lines.size(); ++i) last[lines[i]] = static_cast<int64_t>(i);
  std::vector<std::pair<std::string, int64_t>> tokens;
  for (size_t i = 0; i < lines.size(); ++i)
    if (last[lines[i]] == static_cast<int64_t>(i))
      tokens.emplace_back(lines[i], static_cast<int64_t>(i));
  return Vocabulary(std::move(tokens), what);
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer_json(const Json& root, std::string_view what,
                                                     const BertOverrides& overrides) try {
  const auto model = make_model(root.at("model"));
  auto normalizer = normalizer_of(root, overrides);
  const auto pre_tokenizer = root.find("pre_tokenizer"), post = root.find("post_processor"),
             decoder = root.find("decoder"), added_json = root.find("added_tokens");
  AddedTokens added =
      AddedTokens::from_json(added_json ? &*added_json : nullptr, *model, normalizer.get());
  const int64_t ids = ids_of(*model, added);
  return std::make_shared<Pipeline>(PipelineParts{
      model, std::move(normalizer), pre_tokenizer ? make_pre_tokenizer(*pre_tokenizer) : nullptr,
      std::move(added), post ? make_template(*post, ids) : bare_template(),
      decoder ? make_decoder(*decoder) : make_space_decoder()});
} catch (const Error& error) {
  // A wrong type or a missing key in a file is the file's fault.
  const Code code = error.code() == Code::kInvalidArgument ? Code::kCorrupt : error.code();
  const std::string_view message = error.what();
  fail(code, message.starts_with(what) ? "" : cat(what, ": "), message);
}

BertOverrides bert_overrides(const Json& config) {
  // transformers' BERT class passes its own defaults where the file is silent; other classes take
  // tokenizer.json as it is; a file that names no class says what it says.
  const std::string type = config.string("tokenizer_class", "");
  BertOverrides out;
  if (!type.empty() && type != "BertTokenizer" && type != "BertTokenizerFast") return out;
  out.silence_is_default = !type.empty();
  const auto value = [&](const char* key) {
    const auto json = config.find(key);
    return json ? std::optional(json->boolean()) : std::nullopt;
  };
  out.lower_case = value("do_lower_case");
  out.strip_accents = value("strip_accents");
  out.chinese = value("tokenize_chinese_chars");
  return out;
}

std::shared_ptr<const Tokenizer> load_vocab_txt(std::string_view vocab, std::string_view what,
                                                const Json* config) {
  const std::string unknown = named_token(config, "unk_token", "[UNK]");
  const auto model = std::make_shared<WordPiece>(read_vocabulary(vocab, what),
                                                 WordPieceOptions{.unknown = unknown}, what);
  std::vector<AddedToken> added;
  const auto special = [&](const char* role, const char* absent) -> std::optional<int32_t> {
    const std::string content = named_token(config, role, absent);
    const auto id = model->token_id(content);
    if (id && !content.empty()) added.push_back({.content = content, .id = *id, .special = true});
    return id;
  };
  special("pad_token", "[PAD]");
  special("unk_token", "[UNK]");
  special("mask_token", "[MASK]");
  const auto cls = special("cls_token", "[CLS]"), sep = special("sep_token", "[SEP]");
  if (!cls || !sep)
    fail(Code::kCorrupt, what, ": want the tokens ", named_token(config, "cls_token", "[CLS]"),
         " and ", named_token(config, "sep_token", "[SEP]"),
         " in the vocabulary, got none of one of them");

  const BertOverrides said = config ? bert_overrides(*config) : BertOverrides{};
  BertOptions options;
  options.lower_case = said.lower_case.value_or(true);
  options.strip_accents = said.strip_accents.value_or(options.lower_case);
  options.chinese = said.chinese.value_or(true);
  return std::make_shared<Pipeline>(
      PipelineParts{model, make_bert_normalizer(options), make_bert_pre_tokenizer(),
                    AddedTokens(std::move(added), nullptr), bert_template(*cls, *sep),
                    make_word_piece_decoder("##", true)});
}

}  // namespace winnow
