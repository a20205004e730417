// What is made of a SentencePiece model. Source: of Unigram, transformers' convert_slow_tokenizer,
// which keeps of the normalizer the character map alone: a mark is put before every text and runs
// of spaces are one, whatever add_dummy_prefix and remove_extra_whitespaces say.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/load.h"
#include "text/pipeline.h"
#include "text/sentence_piece_bpe.h"
#include "text/sentence_piece_model.h"
#include "text/unigram.h"

namespace winnow {
namespace {

// What a folder's configs say it is; empty when they are silent.
std::string family(const FolderConfigs& configs) {
  const std::string type = configs.model_type();
  if (!type.empty()) return type;
  const std::string tokenizer = configs.tokenizer_class();
  return tokenizer == "XLMRobertaTokenizer" ? "xlm-roberta" : tokenizer;
}

struct Layout {
  std::vector<std::pair<std::string, double>> pieces;
  UnigramOptions options;
  std::vector<AddedToken> added;
  Template special;
};

// fairseq's ids: its four special tokens in the place of SentencePiece's three, <mask> at the end.
Layout xlm_roberta(SentencePieceModel& model, const std::string& path) {
  constexpr size_t kTheirs = 3;  // <unk>, <s>, </s>
  if (model.pieces.size() < kTheirs)
    fail(Code::kCorrupt, path, ": want 3 pieces or more, got ", model.pieces.size());
  Layout out;
  for (const char* token : {"<s>", "<pad>", "</s>", "<unk>"}) out.pieces.emplace_back(token, 0.0);
  for (size_t i = kTheirs; i < model.pieces.size(); ++i)
    out.pieces.emplace_back(std::move(model.pieces[i].text), model.pieces[i].score);
  out.pieces.emplace_back("<mask>", 0.0);
  for (int32_t id = 0; id < 4; ++id)
    out.added.push_back(
        {.content = out.pieces[static_cast<size_t>(id)].first, .id = id, .special = true});
  out.added.push_back({.content = "<mask>",
                       .id = static_cast<int32_t>(out.pieces.size()) - 1,
                       .special = true,
                       .lstrip = true});
  out.options.unknown = 3;
  out.special = roberta_template(0, 2);
  return out;
}

Layout as_numbered(SentencePieceModel& model, const std::string& path) {
  if (model.byte_fallback)
    fail(Code::kUnsupported, path, ": trainer_spec.byte_fallback: want false, got true");
  Layout out;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    SentencePiece& piece = model.pieces[i];
    if (piece.type >= SentencePiece::kUnknown && piece.type <= SentencePiece::kUserDefined &&
        !piece.text.empty())
      out.added.push_back({.content = piece.text,
                           .id = static_cast<int32_t>(i),
                           .special = piece.type != SentencePiece::kUserDefined});
    out.pieces.emplace_back(std::move(piece.text), piece.score);
  }
  out.options.unknown = static_cast<int32_t>(model.unknown);
  out.special = bare_template();
  return out;
}

}  // namespace

std::shared_ptr<const Tokenizer> load_sentence_piece(std::span<const std::byte> bytes,
                                                     const std::string& path,
                                                     const FolderConfigs& configs) {
  SentencePieceModel model = read_sentence_piece_model(bytes, path);
  if (model.kind == SentencePieceModel::kBpe) return load_sentence_piece_bpe(model, path, configs);
  if (model.kind != SentencePieceModel::kUnigram)
    fail(Code::kUnsupported, path, ": trainer_spec.model_type: want 1 (Unigram) or 2 (BPE), got ",
         model.kind);
  const std::string type = family(configs);
  const bool xlm = type == "xlm-roberta" || type == "xlm-roberta-xl";
  if (!xlm && !type.empty())
    fail(Code::kUnsupported, path,
         ": want a model_type of xlm-roberta, xlm-roberta-xl, or none, "
         "to build a tokenizer from a SentencePiece model, got ",
         type);
  Layout layout = xlm ? xlm_roberta(model, path) : as_numbered(model, path);
  std::optional<CharMap> map;
  if (!model.char_map.empty()) map.emplace(model.char_map, path);
  const MetaspaceOptions spaces;
  return std::make_shared<Pipeline>(
      PipelineParts{std::make_shared<Unigram>(std::move(layout.pieces), layout.options, path),
                    make_sentence_piece_normalizer(std::move(map), spaces.mark),
                    make_metaspace(spaces), AddedTokens(std::move(layout.added), nullptr),
                    std::move(layout.special), make_metaspace_decoder(spaces)});
}

}  // namespace winnow
