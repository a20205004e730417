#include "text/sentence_piece_bpe.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/piece_merges.h"
#include "text/pipeline.h"

namespace winnow {
namespace {

bool is_llama(const FolderConfigs& configs) {
  return configs.tokenizer_class() == "LlamaTokenizer";
}

void check(const SentencePieceModel& model, const std::string& path, const FolderConfigs& configs) {
  const std::string name = configs.tokenizer_class();
  if (!is_llama(configs) && !name.empty() && name != "PreTrainedTokenizer" &&
      name != "TokenizersBackend")
    fail(Code::kUnsupported, path,
         ": want a tokenizer_class of LlamaTokenizer, or none, for a BPE, got ", name);
  if (!model.marks_spaces)
    fail(Code::kUnsupported, path, ": normalizer_spec.escape_whitespaces: want true, got false");
  if (model.spaces_behind)
    fail(Code::kUnsupported, path,
         ": trainer_spec.treat_whitespace_as_suffix: want false, got true");
}

// LlamaTokenizer's: spaces become marks and one is put before a text that begins with none; where
// legacy, before each part between added tokens.
MetaspaceOptions llama_spaces(const FolderConfigs& configs) {
  using Prepend = MetaspaceOptions::Prepend;
  MetaspaceOptions out{.split = false};
  if (!configs.flag("add_prefix_space", true))
    out.prepend = Prepend::kNever;
  else
    out.prepend = configs.flag("legacy", false) ? Prepend::kAlways : Prepend::kFirst;
  return out;
}

std::unique_ptr<Decoder> decoder_of(bool strips) {
  return make_decoder(
      Json::parse(cat(R"({"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":")",
                      "\u2581", R"("},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"})",
                      strips ? R"(,{"type":"Strip","content":" ","start":1,"stop":0})" : "", "]}"),
                  "built-in component"));
}

// The first to merge is the piece of the lowest id, as training numbers them by falling score.
Bpe::Merges merges_of_ids(const std::vector<std::string>& pieces) {
  std::vector<PieceParts> parts =
      parts_of_pieces(pieces, [&](int32_t id) { return !pieces[static_cast<size_t>(id)].empty(); });
  std::stable_sort(parts.begin(), parts.end(), [](const PieceParts& a, const PieceParts& b) {
    return std::tuple(a.whole, a.left_code_points, a.right_code_points) <
           std::tuple(b.whole, b.left_code_points, b.right_code_points);
  });
  return merges_of(parts, pieces);
}

// Control pieces, and what the trainer was told to keep whole: in_normalized, that is looked for
// after normalization, as SentencePiece does.
std::vector<AddedToken> marked(const SentencePieceModel& model, bool in_normalized) {
  std::vector<AddedToken> out;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const SentencePiece& piece = model.pieces[id];
    if (piece.type < SentencePiece::kUnknown || piece.type > SentencePiece::kUserDefined) continue;
    if (piece.text.empty()) continue;
    out.push_back({.content = piece.text,
                   .id = static_cast<int32_t>(id),
                   .special = piece.type != SentencePiece::kUserDefined,
                   .normalized = in_normalized && piece.type == SentencePiece::kUserDefined});
  }
  return out;
}

}  // namespace

std::shared_ptr<const Tokenizer> load_sentence_piece_bpe(const SentencePieceModel& model,
                                                         const std::string& path,
                                                         const FolderConfigs& configs) {
  check(model, path, configs);
  std::vector<std::string> pieces;
  std::vector<std::pair<std::string, int64_t>> tokens;
  for (const SentencePiece& piece : model.pieces) {
    tokens.emplace_back(piece.text, static_cast<int64_t>(pieces.size()));
    pieces.push_back(piece.text);
  }
  BpeOptions options;
  options.unknown = pieces[static_cast<size_t>(model.unknown)];
  options.fuse_unknown = true;
  options.byte_fallback = model.byte_fallback;
  const auto bpe = std::make_shared<Bpe>(Vocabulary(std::move(tokens), path), merges_of_ids(pieces),
                                         std::move(options), path);
  const bool llama = is_llama(configs);
  const SpecialNames names =
      llama ? SpecialNames{{"unk_token", "<unk>"}, {"bos_token", "<s>"}, {"eos_token", "</s>"}}
            : SpecialNames{};
  std::vector<AddedToken> added = added_tokens_of(configs, names, *bpe, marked(model, !llama));
  PipelineParts parts{.model = bpe,
                      .normalizer = nullptr,
                      .pre_tokenizer = nullptr,
                      .added = AddedTokens(added, nullptr),
                      .special = framed_by_flags(configs, names, *bpe, added),
                      .decoder = nullptr};
  const MetaspaceOptions spaces = llama_spaces(configs);
  if (llama) {
    parts.pre_tokenizer = make_metaspace(spaces);
    parts.decoder = decoder_of(spaces.prepend != MetaspaceOptions::Prepend::kNever);
  } else {
    std::optional<CharMap> map;
    if (!model.char_map.empty()) map.emplace(model.char_map, path);
    parts.normalizer =
        make_trained_normalizer(std::move(map), model.single_spaces, model.prefix, spaces.mark);
    parts.decoder = decoder_of(model.prefix || model.single_spaces);
  }
  return std::make_shared<Pipeline>(std::move(parts));
}

}  // namespace winnow
