#include "text/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/utf8.h"
#include "text/vocabulary.h"

namespace winnow {
namespace {

constexpr char32_t kFirsts = 0x10000;
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
    : tokens_(tokens_of(pieces, where)), options_(options) {
  if (options_.unknown && (*options_.unknown < 0 || *options_.unknown >= size()))
    fail(Code::kCorrupt, where, ": want the unknown piece's id from 0 to ", size() - 1, ", got ",
         *options_.unknown);
  double least = std::numeric_limits<double>::infinity();
  size_t id = 0;
  for (const auto& [token, score] : pieces) {
    if (!std::isfinite(score))
      fail(Code::kCorrupt, where, ": want finite scores, got ", score, " for \"", tokens_[id], '"');
    least = std::min(least, score);
    ++id;
  }
  unknown_score_ = least - kUnknownPenalty;
  add_nodes(trie_of(tokens_), pieces);
  if (!options_.byte_fallback) return;
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (size_t byte = 0; byte < 256; ++byte)
    bytes_.push_back(find(cat("<0x", kDigits[byte / 16], kDigits[byte % 16], ">")));
}

void Unigram::add_nodes(const Trie& trie,
                        const std::vector<std::pair<std::string, double>>& pieces) {
  nodes_.resize(static_cast<size_t>(trie.size()));
  ids_.resize(nodes_.size(), -1);
  for (int32_t node = 0; node < trie.size(); ++node) {
    const auto at = static_cast<size_t>(node);
    const int32_t parent = trie.parent(node), id = parent < 0 ? -1 : trie.value(node);
    ids_[at] = id;
    nodes_[at] = {trie.base(node), parent,
                  id < 0 || node == Trie::kRoot ? std::numeric_limits<double>::quiet_NaN()
                                                : pieces[static_cast<size_t>(id)].second};
  }
  // 64 code points' UTF-8 differs in its last byte only. Surrogates stay without a node.
  first_.resize(kFirsts, -1);
  std::string utf8;
  for (char32_t c = 0; c < kFirsts; c += 64) {
    if (c >= 0xD800 && c < 0xE000) continue;
    utf8.clear();
    append_utf8(utf8, c);
    const auto last = static_cast<unsigned char>(utf8.back());
    utf8.pop_back();
    const int32_t node = trie.walk(Trie::kRoot, utf8);
    for (char32_t i = 0; node >= 0 && i < 64; ++i)
      first_[c + i] = trie.step(node, static_cast<unsigned char>(last + i));
  }
}

int32_t Unigram::find(std::string_view token) const {
  int32_t node = Trie::kRoot;
  for (size_t at = 0; at < token.size() && node >= 0; ++at) node = step(node, token[at]);
  return node < 0 ? -1 : ids_[static_cast<size_t>(node)];
}

void Unigram::search(std::string_view word, Space& space) const {
  space.ends.assign(word.size() + 1, {});
  Space::Best* const ends = space.ends.data();
  ends[0].score = 0;
  const size_t size = word.size();
  for (size_t begin = 0; begin < size;) {
    const double before = ends[begin].score;
    const auto take = [&](size_t end, double score, int32_t node) {
      Space::Best& best = ends[end];
      const double sum = score + before;
      if (best.begin < 0 || sum > best.score)  // the first of equals stays
        best = {sum, static_cast<int32_t>(begin), node};
    };
    const CodePoint c = decode_utf8(word, begin);
    size_t at = begin + static_cast<size_t>(c.bytes);
    const size_t next = at;
    int32_t node = Trie::kRoot;
    if (c.value < kFirsts)
      node = first_[c.value];
    else
      for (size_t i = begin; i < at && node >= 0; ++i) node = step(node, word[i]);
    if (node < 0 || std::isnan(nodes_[static_cast<size_t>(node)].score)) {
      // No piece is this code point alone.
      if (!options_.unknown)
        fail(Code::kTokenizer, "tokenize: want a piece for every code point, got none for \"",
             word.substr(begin, next - begin), "\", and the model has no unknown piece");
      take(next, unknown_score_, kUnknown);
    }
    while (node >= 0) {
      const double score = nodes_[static_cast<size_t>(node)].score;
      if (!std::isnan(score)) take(at, score, node);
      node = at < size ? step(node, word[at++]) : -1;
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
    const int32_t id = id_of(best);
    // Unknown pieces side by side are one.
    if (id != options_.unknown || space.pieces.empty() || space.pieces.back().id != id)
      space.pieces.push_back({id, end});
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
  const int32_t whole = find(text);
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
  const int32_t found = find(token);
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
