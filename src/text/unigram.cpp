#include "text/unigram.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/utf8.h"
#include "text/vocabulary.h"

namespace winnow {
namespace {

constexpr double kUnknownPenalty = 10.0;  // below the least likely piece

// The trie keeps the first of equal keys; the library the last of equal pieces.
Trie trie_of(const std::vector<std::string>& tokens) {
  std::vector<std::pair<std::string_view, int32_t>> entries;
  entries.reserve(tokens.size());
  for (size_t id = tokens.size(); id-- > 0;)
    entries.emplace_back(tokens[id], static_cast<int32_t>(id));
  return Trie(std::move(entries));
}

std::vector<std::string> tokens_of(std::vector<std::pair<std::string, double>>& pieces,
                                   std::string_view where) {
  if (pieces.empty() || pieces.size() > Vocabulary::kMaxIds)
    fail(Code::kCorrupt, where, ": want 1 to ", Vocabulary::kMaxIds, " pieces, got ",
         pieces.size());
  std::vector<std::string> out;
  out.reserve(pieces.size());
  for (auto& [token, score] : pieces) out.push_back(std::move(token));
  return out;
}

}  // namespace

Unigram::Unigram(std::vector<std::pair<std::string, double>> pieces, UnigramOptions options,
                 std::string_view where)
    : tokens_(tokens_of(pieces, where)), trie_(trie_of(tokens_)), options_(options) {
  if (options_.unknown && (*options_.unknown < 0 || *options_.unknown >= size()))
    fail(Code::kCorrupt, where, ": want the unknown piece's id from 0 to ", size() - 1, ", got ",
         *options_.unknown);
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [token, score] : pieces) {
    scores_.push_back(score);
    least = std::min(least, score);
  }
  unknown_score_ = least - kUnknownPenalty;
  if (!options_.byte_fallback) return;
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (size_t byte = 0; byte < 256; ++byte)
    bytes_.push_back(trie_.find(cat("<0x", kDigits[byte / 16], kDigits[byte % 16], ">")));
}

void Unigram::search(std::string_view word, Space& space) const {
  space.ends.assign(word.size() + 1, {});
  Space::Best* const ends = space.ends.data();
  ends[0].score = 0;
  const auto size = static_cast<int32_t>(word.size());
  for (int32_t begin = 0; begin < size;) {
    const double before = ends[begin].score;
    const auto take = [&](int32_t end, double score, int32_t id) {
      Space::Best& best = ends[end];
      const double sum = score + before;
      if (best.begin < 0 || sum > best.score) best = {sum, begin, id};  // the first of equals stays
    };
    const int32_t next = begin + decode_utf8(word, static_cast<size_t>(begin)).bytes;
    bool one = false;  // whether a piece is this code point alone
    int32_t node = Trie::kRoot;
    for (int32_t at = begin; at < size;) {
      node = trie_.step(node, static_cast<unsigned char>(word[static_cast<size_t>(at)]));
      if (node < 0) break;
      ++at;
      const int32_t id = trie_.value(node);
      if (id < 0) continue;
      take(at, scores_[static_cast<size_t>(id)], id);
      one |= at == next;
    }
    if (!one) {
      if (!options_.unknown)
        fail(Code::kTokenizer, "tokenize: want a piece for every code point, got none for \"",
             word.substr(static_cast<size_t>(begin), static_cast<size_t>(next - begin)),
             "\", and the model has no unknown piece");
      take(next, unknown_score_, *options_.unknown);
    }
    begin = next;
  }
}

void Unigram::tokenize(std::string_view word, std::vector<Piece>& pieces) const {
  Space space;
  tokenize(word, pieces, space);
}

void Unigram::tokenize(std::string_view word, std::vector<Piece>& pieces, Space& space) const {
  search(word, space);
  space.pieces.clear();  // last first
  for (auto end = static_cast<int32_t>(word.size()); end > 0;) {
    const Space::Best& best = space.ends[static_cast<size_t>(end)];
    const bool unknown = best.id == options_.unknown;
    // Unknown pieces side by side are one.
    if (!unknown || space.pieces.empty() || space.pieces.back().id != best.id)
      space.pieces.push_back({best.id, end});
    end = best.begin;
  }
  int32_t begin = 0;
  for (auto piece = space.pieces.rbegin(); piece != space.pieces.rend(); ++piece) {
    if (piece->id == options_.unknown)
      add_unknown(word.substr(static_cast<size_t>(begin), static_cast<size_t>(piece->end - begin)),
                  piece->end, pieces);
    else
      pieces.push_back(*piece);
    begin = piece->end;
  }
}

// What was unknown in parts may be a piece as a whole: the library looks it up.
void Unigram::add_unknown(std::string_view text, int32_t end, std::vector<Piece>& pieces) const {
  const int32_t whole = trie_.find(text);
  if (whole < 0 && options_.byte_fallback) {
    const auto id = [&](char c) { return bytes_[static_cast<unsigned char>(c)]; };
    if (std::all_of(text.begin(), text.end(), [&](char c) { return id(c) >= 0; })) {
      for (const char c : text) pieces.push_back({id(c), end});
      return;
    }
  }
  pieces.push_back({whole < 0 ? *options_.unknown : whole, end});
}

std::optional<int32_t> Unigram::token_id(std::string_view token) const {
  const int32_t found = trie_.find(token);
  return found < 0 ? std::nullopt : std::optional(found);
}

std::optional<std::string_view> Unigram::token(int32_t id) const {
  if (id < 0 || id >= size()) return std::nullopt;
  return tokens_[static_cast<size_t>(id)];
}

std::shared_ptr<const Unigram> make_unigram(const Json& json) {
  UnigramOptions options;
  if (const auto unknown = json.find("unk_id")) {
    const int64_t id = unknown->integer();
    if (id < 0 || id >= Vocabulary::kMaxIds)
      fail(Code::kCorrupt, unknown->path(), ": want an id from 0 to ", Vocabulary::kMaxIds - 1,
           ", got ", id);
    options.unknown = static_cast<int32_t>(id);
  }
  options.byte_fallback = json.boolean("byte_fallback", false);
  const Json vocab = json.at("vocab");
  std::vector<std::pair<std::string, double>> pieces;
  pieces.reserve(vocab.size());
  for (size_t i = 0; i < vocab.size(); ++i) {
    const Json piece = vocab[i];
    pieces.emplace_back(piece[0].string(), piece[1].number());
  }
  return std::make_shared<Unigram>(std::move(pieces), options, vocab.path());
}

}  // namespace winnow
