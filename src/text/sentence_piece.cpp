// SentencePiece's own file: a protobuf of pieces, trainer and normalizer. Source: the format is
// sentencepiece_model.proto; what is made of it, transformers' convert_slow_tokenizer, which keeps
// of the normalizer the character map alone: a mark is put before every text and runs of spaces are
// one, whatever add_dummy_prefix and remove_extra_whitespaces say.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/wire_reader.h"
#include "text/load.h"
#include "text/pipeline.h"
#include "text/unigram.h"
#include "text/vocabulary.h"

namespace winnow {
namespace {

enum PieceType : int64_t { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4 };
enum ModelType : int64_t { kUnigram = 1, kBpe = 2 };

struct SentencePiece {
  std::string text;
  double score = 0;
  int64_t type = kNormal;
};

struct SentencePieceModel {
  std::vector<SentencePiece> pieces;
  int64_t model_type = kUnigram;
  int64_t unknown = 0;
  bool byte_fallback = false;
  std::string_view char_map;  // of the file
};

SentencePiece read_piece(WireReader fields) {
  SentencePiece piece;
  for (WireField field; fields.next(field);) {
    if (field.number == 1) piece.text = fields.text(field);
    if (field.number == 2) piece.score = static_cast<double>(fields.real(field));
    if (field.number == 3) piece.type = fields.integer(field);
  }
  return piece;
}

void read_trainer(WireReader fields, SentencePieceModel& model) {
  for (WireField field; fields.next(field);) {
    if (field.number == 3) model.model_type = fields.integer(field);
    if (field.number == 35) model.byte_fallback = fields.integer(field) != 0;
    if (field.number == 40) model.unknown = fields.integer(field);
  }
}

void read_normalizer(WireReader fields, SentencePieceModel& model) {
  for (WireField field; fields.next(field);) {
    if (field.number != 2) continue;
    const auto bytes = fields.bytes(field);
    model.char_map = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
}

SentencePieceModel read_model(std::span<const std::byte> bytes, const std::string& path) {
  SentencePieceModel model;
  WireReader fields(bytes, 0, path);
  for (WireField field; fields.next(field);) {
    if (field.number == 1) model.pieces.push_back(read_piece(fields.message(field)));
    if (field.number == 2) read_trainer(fields.message(field), model);
    if (field.number == 3) read_normalizer(fields.message(field), model);
  }
  if (model.model_type != kUnigram)
    fail(Code::kUnsupported, path, ": trainer_spec.model_type: want 1 (Unigram), got ",
         model.model_type, model.model_type == kBpe ? " (BPE)" : "");
  return model;
}

// What a folder's configs say it is; empty when they are silent.
std::string family(const Json* config, const Json* tokenizer_config) {
  const std::string type = config ? config->string("model_type", "") : "";
  if (!type.empty() || !tokenizer_config) return type;
  const std::string tokenizer = tokenizer_config->string("tokenizer_class", "");
  return tokenizer.starts_with("XLMRobertaTokenizer") ? "xlm-roberta" : tokenizer;
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
  if (model.unknown < 0 || model.unknown >= static_cast<int64_t>(model.pieces.size()))
    fail(Code::kCorrupt, path, ": trainer_spec.unk_id: want 0 to ",
         static_cast<int64_t>(model.pieces.size()) - 1, ", got ", model.unknown);
  if (model.byte_fallback)
    fail(Code::kUnsupported, path, ": trainer_spec.byte_fallback: want false, got true");
  Layout out;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    SentencePiece& piece = model.pieces[i];
    if (piece.type >= kUnknown && piece.type <= kUserDefined && !piece.text.empty())
      out.added.push_back({.content = piece.text,
                           .id = static_cast<int32_t>(i),
                           .special = piece.type != kUserDefined});
    out.pieces.emplace_back(std::move(piece.text), piece.score);
  }
  out.options.unknown = static_cast<int32_t>(model.unknown);
  out.special = bare_template();
  return out;
}

}  // namespace

std::shared_ptr<const Tokenizer> load_sentence_piece(std::span<const std::byte> bytes,
                                                     const std::string& path, const Json* config,
                                                     const Json* tokenizer_config) {
  SentencePieceModel model = read_model(bytes, path);
  if (static_cast<int64_t>(model.pieces.size()) > Vocabulary::kMaxIds)
    fail(Code::kCorrupt, path, ": want at most ", Vocabulary::kMaxIds, " pieces, got ",
         model.pieces.size());
  const std::string type = family(config, tokenizer_config);
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
