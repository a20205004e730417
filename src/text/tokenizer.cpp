#include "text/tokenizer.h"

#include <filesystem>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "text/load.h"
#include "text/load_bpe.h"

namespace winnow {
namespace {

std::shared_ptr<const MappedFile> open_if_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored) ? MappedFile::open(path.string()) : nullptr;
}

std::optional<Json> read_object(const std::filesystem::path& path) {
  const auto file = open_if_there(path);
  if (!file) return std::nullopt;
  Json json = Json::parse(file->text(), file->path());
  if (!json.is_object()) fail(Code::kCorrupt, file->path(), ": want an object, got ", json.kind());
  return json;
}

class AtTheEnd final : public DecodeStream {
 public:
  AtTheEnd(const Tokenizer& tokenizer, bool skip_special_tokens)
      : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens) {}
  void push(int32_t id, std::string&) override { ids_.push_back(id); }
  void finish(std::string& text) override { text += tokenizer_.decode(ids_, skip_special_tokens_); }

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_tokens_;
  std::vector<int32_t> ids_;
};

}  // namespace

std::unique_ptr<DecodeStream> Tokenizer::decode_stream(bool skip_special_tokens) const {
  return std::make_unique<AtTheEnd>(*this, skip_special_tokens);
}

std::shared_ptr<const Tokenizer> Tokenizer::from_folder(const std::string& folder) {
  const std::filesystem::path dir(folder);
  const auto config = read_object(dir / "tokenizer_config.json");
  try {
    if (const auto file = open_if_there(dir / "tokenizer.json"))
      return load_tokenizer_json(Json::parse(file->text(), file->path()), file->path(),
                                 config ? bert_overrides(*config) : BertOverrides{});
    if (const auto file = open_if_there(dir / "vocab.txt"))
      return load_vocab_txt(file->text(), file->path(), config ? &*config : nullptr);
    const auto vocab = open_if_there(dir / "vocab.json"),
               merges = open_if_there(dir / "merges.txt");
    const auto model_config = read_object(dir / "config.json"),
               added = read_object(dir / "added_tokens.json"),
               special = read_object(dir / "special_tokens_map.json");
    const auto pointer = [](const std::optional<Json>& json) { return json ? &*json : nullptr; };
    const FolderConfigs configs{pointer(config), pointer(model_config), pointer(added),
                                pointer(special)};
    if (vocab && merges)
      return load_vocab_merges(
          {vocab->text(), merges->text(), vocab->path(), merges->path(), configs});
    for (const char* name : {"sentencepiece.bpe.model", "spiece.model", "tokenizer.model"})
      if (const auto file = open_if_there(dir / name))
        return load_sentence_piece(file->bytes(), file->path(), configs);
  } catch (const Error& error) {
    // The messages name file and key already, but a wrong type in a file is not the caller's
    // mistake.
    if (error.code() == Code::kInvalidArgument) fail(Code::kCorrupt, error.what());
    throw;
  }
  fail(Code::kNotFound,
       "load tokenizer: want tokenizer.json, vocab.txt, vocab.json and merges.txt, or a "
       "SentencePiece "
       "model in ",
       folder, ", got none of them");
}

std::shared_ptr<const Tokenizer> Tokenizer::from_json(std::string_view json,
                                                      std::string_view what) {
  return load_tokenizer_json(Json::parse(json, what), what, {});
}

}  // namespace winnow
