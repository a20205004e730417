#include "engine/decoder_folder.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/error.h"
#include "base/json_file.h"
#include "text/gguf_tokenizer.h"
#include "weights/gguf.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const GgufFile> only_gguf(const std::string& folder) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".gguf") return GgufFile::open(entry.path().string());
  return nullptr;
}

std::vector<std::string> owned(const std::vector<std::string_view>& views) {
  return {views.begin(), views.end()};
}

GgufTokenizer gguf_tokenizer(const GgufMetadata& m) {
  const auto key = [](std::string_view name) { return "tokenizer.ggml." + std::string(name); };
  GgufTokenizer out;
  out.model = m.string(key("model")).value_or("");
  out.pre = m.string(key("pre")).value_or("");
  out.tokens = owned(m.strings(key("tokens")));
  if (m.has(key("merges"))) out.merges = owned(m.strings(key("merges")));
  if (m.has(key("scores"))) out.scores = m.numbers(key("scores"));
  if (m.has(key("token_type")))
    for (const int64_t type : m.integers(key("token_type")))
      out.types.push_back(static_cast<int32_t>(type));
  out.bos = m.integer(key("bos_token_id"));
  out.eos = m.integer(key("eos_token_id"));
  out.unknown = m.integer(key("unknown_token_id"));
  out.cls = m.integer(key("cls_token_id"));
  out.sep = m.integer(key("seperator_token_id"));
  out.add_sep = m.boolean(key("add_sep_token"));
  out.lower_case = m.boolean(key("normalizer.lowercase"));
  out.strip_accents = m.boolean(key("normalizer.strip_accents"));
  if (m.has(key("precompiled_charsmap")))  // bytes, in files as signed or unsigned ones
    for (const int64_t byte : m.integers(key("precompiled_charsmap")))
      out.char_map += static_cast<char>(byte);
  out.add_bos = m.boolean(key("add_bos_token"));
  out.add_eos = m.boolean(key("add_eos_token"));
  out.add_prefix = m.boolean(key("add_space_prefix"));
  return out;
}

std::string token_text(const Tokenizer& tokenizer, std::optional<int64_t> id) {
  return id && *id >= 0 && *id < tokenizer.vocab_size()
             ? std::string(tokenizer.token(static_cast<int32_t>(*id)))
             : "";
}

void add_ids(std::vector<int32_t>& out, const std::optional<Json>& ids) {
  if (!ids) return;
  if (ids->is_array())
    for (size_t i = 0; i < ids->size(); ++i)
      out.push_back(static_cast<int32_t>((*ids)[i].integer()));
  else if (ids->is_number())
    out.push_back(static_cast<int32_t>(ids->integer()));
}

std::shared_ptr<const Tokenizer> tokenizer_of(const std::string& folder, const GgufFile* gguf) {
  if (fs::exists(folder + "/tokenizer.json") || !gguf) return Tokenizer::from_folder(folder);
  return load_gguf_tokenizer(gguf_tokenizer(gguf->metadata()), gguf->path());
}

}  // namespace

std::shared_ptr<const Tokenizer> read_tokenizer(const std::string& folder) {
  return tokenizer_of(folder, only_gguf(folder).get());
}

DecoderFolder read_decoder_folder(const std::string& folder, const Json& config) {
  DecoderFolder out;
  const std::shared_ptr<const GgufFile> gguf = only_gguf(folder);
  out.tokenizer = tokenizer_of(folder, gguf.get());
  out.chat = ChatTemplate::from_folder(folder);
  if (!out.chat && gguf)
    if (const auto text = gguf->metadata().string("tokenizer.chat_template"))
      out.chat = ChatTemplate::parse(
          *text, gguf->path() + ": tokenizer.chat_template",
          token_text(*out.tokenizer, gguf->metadata().integer("tokenizer.ggml.bos_token_id")),
          token_text(*out.tokenizer, gguf->metadata().integer("tokenizer.ggml.eos_token_id")));

  if (const auto generation = read_json(folder + "/generation_config.json"))
    add_ids(out.end_tokens, generation->find("eos_token_id"));
  add_ids(out.end_tokens, config.find("eos_token_id"));
  // Checkpoints whose config names only the end of a text: what their turns end with.
  if (out.chat)
    for (const char* turn : {"<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>"})
      if (const auto id = out.tokenizer->token_id(turn)) out.end_tokens.push_back(*id);
  std::sort(out.end_tokens.begin(), out.end_tokens.end());
  out.end_tokens.erase(std::unique(out.end_tokens.begin(), out.end_tokens.end()),
                       out.end_tokens.end());
  return out;
}

}  // namespace winnow
