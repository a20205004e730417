#include "text/pipeline.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/unicode.h"
#include "text/word_piece.h"

namespace winnow {
namespace {

// Which code point each byte of a text stands in, as parts are asked for in (nearly always) rising
// order.
class CodePointCounter {
 public:
  explicit CodePointCounter(std::string_view text) : text_(text) {}
  int32_t at(size_t byte) {
    if (byte >= byte_)
      count_ += static_cast<int32_t>(code_points(text_.substr(byte_, byte - byte_)));
    else
      count_ -= static_cast<int32_t>(code_points(text_.substr(byte, byte_ - byte)));
    byte_ = byte;
    return count_;
  }

 private:
  std::string_view text_;
  size_t byte_ = 0;
  int32_t count_ = 0;
};

Normalized slice(const Normalized& n, size_t begin, size_t end) {
  return {n.text.substr(begin, end - begin),
          {n.origin.begin() + static_cast<std::ptrdiff_t>(begin),
           n.origin.begin() + static_cast<std::ptrdiff_t>(end)},
          n.origin[begin].start};
}

std::string utf8_of(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) append_utf8(out, c);
  return out;
}

}  // namespace

Pipeline::Pipeline(PipelineParts parts) : parts_(std::move(parts)) {
  size_t size = static_cast<size_t>(parts_.model->size());
  for (const AddedToken& token : parts_.added.tokens())
    size = std::max(size, static_cast<size_t>(token.id) + 1);
  tokens_.resize(size);
  special_.resize(size);
  added_.resize(size);
  for (int32_t id = 0; id < parts_.model->size(); ++id)
    tokens_[static_cast<size_t>(id)] = parts_.model->token(id);
  for (const AddedToken& token : parts_.added.tokens()) {
    tokens_[static_cast<size_t>(token.id)] = token.found;
    special_[static_cast<size_t>(token.id)] = token.special;
    added_[static_cast<size_t>(token.id)] = true;
  }
  const auto bert = parts_.normalizer ? parts_.normalizer->bert() : std::nullopt;
  const auto word_piece = std::dynamic_pointer_cast<const WordPiece>(parts_.model);
  const bool splits = parts_.pre_tokenizer && parts_.pre_tokenizer->bert();
  if (bert && splits && word_piece && parts_.added.normalized().empty())
    bert_ = std::make_unique<BertPass>(*bert, word_piece);
  const auto plan = parts_.pre_tokenizer ? parts_.pre_tokenizer->byte_level() : std::nullopt;
  if (const auto bpe = std::dynamic_pointer_cast<const Bpe>(parts_.model); bpe && plan)
    byte_level_ = ByteLevelPass::make(*plan, bpe);
  if (const auto unigram = std::dynamic_pointer_cast<const Unigram>(parts_.model);
      unigram && parts_.added.normalized().empty())
    unigram_ = UnigramPass::make(parts_.normalizer.get(), parts_.pre_tokenizer.get(), unigram);
}

TokenSpan Pipeline::tokenize(std::string_view text, bool with_offsets) const {
  if (const auto at = invalid_utf8_at(text))
    fail(Code::kTokenizer, "tokenize: want UTF-8, got an invalid byte at ", *at);
  TokenSpan out;
  std::vector<Part> parts;
  parts_.added.raw().split(text, parts);
  CodePointCounter counter(text);
  for (const Part& part : parts) {
    // Without offsets it only matters whether the part begins the text.
    const int32_t first = with_offsets ? counter.at(part.begin) : part.begin > 0;
    if (!part.id) {
      tokenize_part(text.substr(part.begin, part.end - part.begin), first, with_offsets, out);
      continue;
    }
    out.ids.push_back(*part.id);
    if (!with_offsets) continue;
    Offset offset{first, counter.at(part.end)};
    if (parts_.special.trims_offsets)  // here, for only here it shows what white space it took
      offset = trimmed(offset, text.substr(part.begin, part.end - part.begin), out.ids.size() == 1);
    out.offsets.push_back(offset);
  }
  return out;
}

Encoding Pipeline::assemble(const TokenSpan& first, const TokenSpan* second) const {
  if (!parts_.special.trims_offsets) return parts_.special.assemble(first, second);
  const TokenSpan a = trimmed(first), b = second ? trimmed(*second) : TokenSpan{};
  return parts_.special.assemble(a, second ? &b : nullptr);
}

TokenSpan Pipeline::trimmed(TokenSpan span) const {
  for (size_t i = 0; i < span.offsets.size(); ++i) {
    const auto id = static_cast<size_t>(span.ids[i]);
    if (!added_[id]) span.offsets[i] = trimmed(span.offsets[i], *tokens_[id], i == 0);
  }
  return span;
}

// Source: the library's processing of byte-level offsets.
Offset Pipeline::trimmed(Offset offset, std::string_view token, bool first) const {
  const std::u32string letters = winnow::decode(token, 0).text;
  const auto is_space = [](char32_t c) {
    return c == alphabet_letter(' ') || (code_point_bits(c) & kSpaceBit) != 0;
  };
  auto leading = static_cast<int32_t>(std::find_if_not(letters.begin(), letters.end(), is_space) -
                                      letters.begin());
  const auto trailing = static_cast<int32_t>(
      std::find_if_not(letters.rbegin(), letters.rend(), is_space) - letters.rbegin());
  if (leading > 0) {
    // One space may be the one that was put before the text; more were its own.
    if (leading == 1 && (first || offset.start == 0) && parts_.special.keeps_first_space)
      leading = 0;
    offset.start = std::min(offset.start + leading, offset.end);
  }
  if (trailing > 0 && offset.end >= trailing)
    offset.end = std::max(offset.end - trailing, offset.start);
  return offset;
}

void Pipeline::tokenize_part(std::string_view text, int32_t first, bool with_offsets,
                             TokenSpan& out) const {
  if (bert_ && bert_->tokenize(text, first, with_offsets, out)) return;
  const bool as_it_is = !parts_.normalizer || parts_.normalizer->leaves(text);
  if (byte_level_ && as_it_is && parts_.added.normalized().empty() &&
      byte_level_->tokenize(text, first, nullptr, with_offsets, out))
    return;
  if (unigram_ && !with_offsets && unigram_->tokenize(text, out.ids)) return;
  Normalized n = winnow::decode(text, first);
  if (!as_it_is) parts_.normalizer->apply(n);
  if (parts_.added.normalized().empty())
    return tokenize_normalized(std::move(n), with_offsets, out);

  const std::string utf8 = utf8_of(n.text);
  std::vector<Part> parts;
  parts_.added.normalized().split(utf8, parts);
  CodePointCounter counter(utf8);
  for (const Part& part : parts) {
    const auto begin = static_cast<size_t>(counter.at(part.begin)),
               end = static_cast<size_t>(counter.at(part.end));
    if (!part.id) {
      tokenize_normalized(slice(n, begin, end), with_offsets, out);
      continue;
    }
    out.ids.push_back(*part.id);
    if (with_offsets) out.offsets.push_back({n.origin[begin].start, n.origin[end - 1].end});
  }
}

void Pipeline::tokenize_normalized(Normalized n, bool with_offsets, TokenSpan& out) const {
  if (n.text.empty()) return;
  if (byte_level_ && byte_level_->tokenize(utf8_of(n.text), n.first, &n.origin, with_offsets, out))
    return;
  std::vector<Word> words{{0, n.text.size()}};
  if (parts_.pre_tokenizer) parts_.pre_tokenizer->split(n, words);
  std::string utf8;
  std::vector<Piece> pieces;
  for (const Word& word : words) {
    utf8.clear();
    for (size_t i = word.begin; i < word.end; ++i) append_utf8(utf8, n.text[i]);
    pieces.clear();
    parts_.model->tokenize(utf8, pieces);
    size_t at = 0, c = word.begin, from = c;
    for (const Piece& piece : pieces) {
      out.ids.push_back(piece.id);
      if (!with_offsets) continue;
      if (at < static_cast<size_t>(piece.end))
        from = c - ((utf8[at] & 0xC0) == 0x80);  // a byte's token has the whole code point
      for (; at < static_cast<size_t>(piece.end); ++at) c += (utf8[at] & 0xC0) != 0x80;
      out.offsets.push_back({n.origin[from].start, n.origin[c - 1].end});
    }
  }
}

std::optional<int32_t> Pipeline::token_id(std::string_view token) const {
  for (const AddedToken& added : parts_.added.tokens())
    if (added.content == token) return added.id;
  return parts_.model->token_id(token);
}

bool Pipeline::has_token(int32_t id) const {
  return id >= 0 && id < vocab_size() && tokens_[static_cast<size_t>(id)];
}

std::string_view Pipeline::token(int32_t id) const {
  require(has_token(id), "token: want the id of a token, from 0 to ", vocab_size() - 1, ", got ",
          id);
  return *tokens_[static_cast<size_t>(id)];
}

bool Pipeline::is_special(int32_t id) const {
  return id >= 0 && id < vocab_size() && special_[static_cast<size_t>(id)];
}

std::optional<std::string_view> Pipeline::decoded(int32_t id, bool skip_special_tokens) const {
  if (id < 0 || id >= vocab_size() || (skip_special_tokens && is_special(id))) return std::nullopt;
  return tokens_[static_cast<size_t>(id)];
}

std::string Pipeline::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  std::vector<std::string_view> tokens;
  for (const int32_t id : ids)
    if (const auto token = decoded(id, skip_special_tokens)) tokens.push_back(*token);
  return parts_.decoder->decode(tokens);
}

std::string Pipeline::token_bytes(int32_t id) const {
  const std::string_view text = token(id);
  return added_[static_cast<size_t>(id)] ? std::string(text)
                                         : parts_.decoder->bytes(std::string(text));
}

class Pipeline::Stream final : public DecodeStream {
 public:
  Stream(const Pipeline& pipeline, bool skip_special_tokens)
      : pipeline_(pipeline),
        skip_special_tokens_(skip_special_tokens),
        stage_(pipeline.parts_.decoder->stage(true)) {}

  void push(int32_t id, std::string& text) override {
    const auto token = pipeline_.decoded(id, skip_special_tokens_);
    if (!token) return;
    pieces_.clear();
    stage_->push({std::string(*token)}, pieces_);
    for (const TokenPiece& piece : pieces_) text += piece.text;
  }
  void finish(std::string& text) override {
    pieces_.clear();
    stage_->finish(pieces_);
    for (const TokenPiece& piece : pieces_) text += piece.text;
  }

 private:
  const Pipeline& pipeline_;
  bool skip_special_tokens_;
  std::unique_ptr<DecodeStage> stage_;
  std::vector<TokenPiece> pieces_;
};

std::unique_ptr<DecodeStream> Pipeline::decode_stream(bool skip_special_tokens) const {
  return std::make_unique<Stream>(*this, skip_special_tokens);
}

}  // namespace winnow
