#include "text/gguf_tokenizer.h"

#include <algorithm>
#include <tuple>

#include "base/error.h"
#include "base/utf8.h"
#include "text/load_bpe.h"
#include "text/piece_merges.h"
#include "text/unigram.h"
#include "text/word_piece.h"

namespace winnow {
namespace {

enum TokenType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5 };

constexpr char kMark[] = "\u2581";

int32_t type_of(const GgufTokenizer& gguf, size_t id) {
  return gguf.types.empty() ? kNormal : gguf.types[id];
}

void check(const GgufTokenizer& gguf, std::string_view what) {
  const auto same = [&](const char* key, size_t size) {
    if (size != 0 && size != gguf.tokens.size())
      fail(Code::kCorrupt, what, ": tokenizer.ggml.", key, ": want ", gguf.tokens.size(),
           ", one a token, got ", size);
  };
  same("token_type", gguf.types.size());
  same("scores", gguf.scores.size());
  for (size_t id = 0; id < gguf.tokens.size(); ++id)
    if (const auto at = invalid_utf8_at(gguf.tokens[id]))
      fail(Code::kCorrupt, what, ": tokenizer.ggml.tokens[", id,
           "]: want UTF-8, got an invalid byte at ", *at);
}

// The id that a key names, checked.
int32_t checked(const GgufTokenizer& gguf, const char* key, int64_t id, std::string_view what) {
  if (id < 0 || id >= static_cast<int64_t>(gguf.tokens.size()))
    fail(Code::kCorrupt, what, ": tokenizer.ggml.", key, ": want an id from 0 to ",
         static_cast<int64_t>(gguf.tokens.size()) - 1, ", got ", id);
  return static_cast<int32_t>(id);
}

// Tokens that are found in a text whole. One that stands twice keeps its first id.
std::vector<AddedToken> added_of(const GgufTokenizer& gguf) {
  std::vector<AddedToken> out;
  for (size_t id = 0; id < gguf.tokens.size(); ++id) {
    const int32_t type = type_of(gguf, id);
    if (type != kControl && type != kUserDefined && type != kUnknown) continue;
    if (gguf.tokens[id].empty()) continue;
    out.push_back({.content = gguf.tokens[id],
                   .id = static_cast<int32_t>(id),
                   .special = type != kUserDefined});
  }
  return out;
}

Vocabulary vocabulary_of(const GgufTokenizer& gguf, std::string_view what) {
  std::vector<std::pair<std::string, int64_t>> tokens;
  for (size_t id = 0; id < gguf.tokens.size(); ++id)
    tokens.emplace_back(gguf.tokens[id], static_cast<int64_t>(id));
  return Vocabulary(std::move(tokens), cat(what, ": tokenizer.ggml.tokens"));
}

// [bos] A [eos], and for a pair each text so.
Template template_of(const GgufTokenizer& gguf, bool bos_by_default, std::string_view what) {
  const auto special = [&](bool put, const std::optional<int64_t>& id,
                           const char* key) -> std::optional<int32_t> {
    if (!put) return std::nullopt;
    if (!id)
      fail(Code::kCorrupt, what, ": want tokenizer.ggml.", key, " to add the token, got none");
    return checked(gguf, key, *id, what);
  };
  return framed_template(special(gguf.add_bos.value_or(bos_by_default), gguf.bos, "bos_token_id"),
                         special(gguf.add_eos.value_or(false), gguf.eos, "eos_token_id"));
}

ByteLevelKind kind_of(const std::string& pre, std::string_view what) {
  if (pre == "gpt-2" || pre == "default" || pre.empty()) return ByteLevelKind::kGpt2;
  if (pre == "smollm" || pre == "starcoder" || pre == "refact") return ByteLevelKind::kSmolLm;
  if (pre == "qwen2") return ByteLevelKind::kQwen2;
  if (pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3") return ByteLevelKind::kLlama3;
  fail(Code::kUnsupported, what,
       ": tokenizer.ggml.pre: want gpt-2, default, smollm, starcoder, refact, qwen2, llama-bpe, "
       "llama3 or llama-v3, got ",
       pre);
}

std::shared_ptr<const Tokenizer> byte_level(const GgufTokenizer& gguf, std::string_view what) {
  const ByteLevelKind kind = kind_of(gguf.pre, what);
  Bpe::Merges merges;
  for (size_t i = 0; i < gguf.merges.size(); ++i)
    merges.push_back(merge_of(gguf.merges[i], cat(what, ": tokenizer.ggml.merges[", i, ']')));
  const bool is_llama = kind == ByteLevelKind::kLlama3;
  BpeOptions options;
  options.ignore_merges = is_llama;
  const auto model =
      std::make_shared<Bpe>(vocabulary_of(gguf, what), merges, std::move(options), what);
  PipelineParts parts =
      byte_level_parts(kind, model, added_of(gguf), gguf.add_prefix.value_or(false));
  parts.special = template_of(gguf, is_llama, what);
  return std::make_shared<Pipeline>(std::move(parts));
}

// Only ordinary tokens merge, the highest score first. Source: transformers' generate_merges.
Bpe::Merges merges_of_scores(const GgufTokenizer& gguf) {
  std::vector<PieceParts> parts = parts_of_pieces(
      gguf.tokens, [&](int32_t id) { return type_of(gguf, static_cast<size_t>(id)) == kNormal; });
  const auto score = [&](const PieceParts& p) { return gguf.scores[static_cast<size_t>(p.whole)]; };
  std::stable_sort(parts.begin(), parts.end(), [&](const PieceParts& a, const PieceParts& b) {
    return std::tuple(score(a), a.left_code_points, a.right_code_points) >
           std::tuple(score(b), b.left_code_points, b.right_code_points);
  });
  return merges_of(parts, gguf.tokens);
}

std::shared_ptr<const Tokenizer> sentence_piece(const GgufTokenizer& gguf, std::string_view what) {
  if (gguf.scores.empty())
    fail(Code::kCorrupt, what, ": want tokenizer.ggml.scores for tokenizer.ggml.model llama");
  BpeOptions options;
  options.fuse_unknown = options.byte_fallback = true;
  if (gguf.unknown)
    options.unknown =
        gguf.tokens[static_cast<size_t>(checked(gguf, "unknown_token_id", *gguf.unknown, what))];
  const auto model = std::make_shared<Bpe>(vocabulary_of(gguf, what), merges_of_scores(gguf),
                                           std::move(options), what);
  const bool prefix = gguf.add_prefix.value_or(true);
  const auto component = [&](std::string_view json) { return Json::parse(json, what); };
  const std::string mark =
      cat(R"({"type":"Replace","pattern":{"String":" "},"content":")", kMark, R"("})");
  const std::string put = cat(R"({"type":"Prepend","prepend":")", kMark, R"("},)");
  const std::string strip = R"(,{"type":"Strip","content":" ","start":1,"stop":0})";
  const std::string space = cat(R"({"type":"Replace","pattern":{"String":")", kMark,
                                R"("},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"})");
  return std::make_shared<Pipeline>(PipelineParts{
      model,
      make_normalizer(
          component(cat(R"({"type":"Sequence","normalizers":[)", prefix ? put : "", mark, "]}"))),
      nullptr, AddedTokens(added_of(gguf), nullptr), template_of(gguf, true, what),
      make_decoder(
          component(cat(R"({"type":"Sequence","decoders":[)", space, prefix ? strip : "", "]}")))});
}

// llama.cpp writes a word's first token with a mark before it and the others bare, where BERT has
// them bare and with "##"; what stands for no text (control tokens, or, in older files, what is in
// brackets) is as it was.
std::string word_piece_token(const GgufTokenizer& gguf, size_t id) {
  const std::string& token = gguf.tokens[id];
  const std::string_view mark = kMark;
  if (type_of(gguf, id) == kControl || (token.starts_with('[') && token.ends_with(']')))
    return token;
  if (token.starts_with(mark) && token != mark) return token.substr(mark.size());
  return "##" + token;
}

std::shared_ptr<const Tokenizer> word_piece(GgufTokenizer gguf, std::string_view what) {
  for (size_t id = 0; id < gguf.tokens.size(); ++id) gguf.tokens[id] = word_piece_token(gguf, id);
  WordPieceOptions options;
  if (gguf.unknown)
    options.unknown =
        gguf.tokens[static_cast<size_t>(checked(gguf, "unknown_token_id", *gguf.unknown, what))];
  const auto model = std::make_shared<WordPiece>(vocabulary_of(gguf, what), options, what);
  const auto named = [&](const char* key, std::optional<int64_t> first,
                         std::optional<int64_t> second, const char* absent) {
    if (first || second) return checked(gguf, key, first ? *first : *second, what);
    const auto id = model->token_id(absent);
    if (!id)
      fail(Code::kCorrupt, what, ": want tokenizer.ggml.", key, " or the token ", absent,
           ", got neither");
    return *id;
  };
  const int32_t cls = named("bos_token_id", gguf.cls, gguf.bos, "[CLS]"),
                sep = named("seperator_token_id", gguf.sep, gguf.eos, "[SEP]");
  BertOptions text;
  text.lower_case = gguf.lower_case.value_or(true);
  text.strip_accents = gguf.strip_accents.value_or(text.lower_case);
  return std::make_shared<Pipeline>(
      PipelineParts{model, make_bert_normalizer(text), make_bert_pre_tokenizer(),
                    AddedTokens(added_of(gguf), nullptr), bert_template(cls, sep),
                    make_word_piece_decoder("##", true)});
}

// [bos] A [eos], and for a pair [bos] A [eos] [sep] B [eos], all of type 0: the models have one.
Template unigram_template(const GgufTokenizer& gguf, std::string_view what) {
  using Kind = TemplatePiece::Kind;
  const auto special = [&](bool put, const std::optional<int64_t>& id, const char* key) {
    TemplatePiece piece{Kind::kSpecial};
    if (put && !id)
      fail(Code::kCorrupt, what, ": want tokenizer.ggml.", key, " to add the token, got none");
    if (put) piece.ids.push_back(checked(gguf, key, *id, what));
    return piece;
  };
  const TemplatePiece bos = special(gguf.add_bos.value_or(false), gguf.bos, "bos_token_id"),
                      eos = special(gguf.add_eos.value_or(true), gguf.eos, "eos_token_id"),
                      sep = special(gguf.add_sep.value_or(false), gguf.sep ? gguf.sep : gguf.eos,
                                    "seperator_token_id"),
                      a{Kind::kFirst}, b{Kind::kSecond};
  return {{bos, a, eos}, {bos, a, eos, sep, b, eos}};
}

std::shared_ptr<const Tokenizer> unigram(const GgufTokenizer& gguf, std::string_view what) {
  if (gguf.scores.empty())
    fail(Code::kCorrupt, what, ": want tokenizer.ggml.scores for tokenizer.ggml.model t5");
  std::vector<std::pair<std::string, double>> pieces;
  UnigramOptions options;
  for (size_t id = 0; id < gguf.tokens.size(); ++id) {
    // Fillers behind the vocabulary: no text is one, and their scores are far below all others.
    if (type_of(gguf, id) == kUnused)
      pieces.emplace_back("", 0.0);
    else
      pieces.emplace_back(gguf.tokens[id], gguf.scores[id]);
    if (type_of(gguf, id) == kUnknown && !options.unknown)
      options.unknown = static_cast<int32_t>(id);
  }
  if (gguf.unknown) options.unknown = checked(gguf, "unknown_token_id", *gguf.unknown, what);
  std::optional<CharMap> map;
  if (!gguf.char_map.empty())
    map.emplace(gguf.char_map, cat(what, ": tokenizer.ggml.precompiled_charsmap"));
  MetaspaceOptions spaces;
  if (!gguf.add_prefix.value_or(true)) spaces.prepend = MetaspaceOptions::Prepend::kNever;
  return std::make_shared<Pipeline>(
      PipelineParts{std::make_shared<Unigram>(std::move(pieces), options, what),
                    make_sentence_piece_normalizer(std::move(map), spaces.mark),
                    make_metaspace(spaces), AddedTokens(added_of(gguf), nullptr),
                    unigram_template(gguf, what), make_metaspace_decoder(spaces)});
}

}  // namespace

std::shared_ptr<const Tokenizer> load_gguf_tokenizer(const GgufTokenizer& gguf,
                                                     std::string_view what) {
  check(gguf, what);
  if (gguf.model == "gpt2") return byte_level(gguf, what);
  if (gguf.model == "llama") return sentence_piece(gguf, what);
  if (gguf.model == "bert") return word_piece(gguf, what);
  if (gguf.model == "t5") return unigram(gguf, what);
  fail(Code::kUnsupported, what, ": tokenizer.ggml.model: want gpt2, llama, bert or t5, got ",
       gguf.model);
}

}  // namespace winnow
