#include "text/bpe.h"

#include <algorithm>
#include <array>
#include <bit>
#include <queue>

#include "base/error.h"
#include "base/utf8.h"

namespace winnow {
namespace {

std::string byte_token(int byte) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  return {'<', '0', 'x', kHex[byte >> 4], kHex[byte & 15], '>'};
}

std::vector<MergeTable::Row> rows(const Vocabulary& vocabulary, const Bpe::Merges& merges,
                                  const BpeOptions& options, std::string_view where) {
  const auto id = [&](std::string_view token) {
    const auto found = vocabulary.id(token);
    if (!found)
      fail(Code::kCorrupt, where, ".merges: want tokens of the vocabulary, got \"", token, '"');
    return *found;
  };
  std::vector<MergeTable::Row> out;
  out.reserve(merges.size());
  std::string both;
  for (const auto& [left, right] : merges) {
    if (right.size() < options.continuation.size())
      fail(Code::kCorrupt, where, ".merges: want \"", options.continuation, "\" before \"", right,
           '"');
    both.assign(left).append(right, options.continuation.size());
    out.push_back({id(left), id(right), id(both)});
  }
  return out;
}

}  // namespace

MergeTable::MergeTable(const std::vector<Row>& rows)
    : shift_(64 - std::bit_width(rows.size() + rows.size() / 2 + 2)),
      mask_((size_t{1} << (64 - shift_)) - 1),
      slots_(mask_ + 1) {
  for (size_t rank = 0; rank < rows.size(); ++rank) {
    const uint64_t key = key_of(rows[rank].left, rows[rank].right);
    size_t at = place(key);
    while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & mask_;
    slots_[at] = {key, {static_cast<int32_t>(rank), rows[rank].id}};
  }
}

Bpe::Bpe(Vocabulary vocabulary, const Merges& merges, BpeOptions options, std::string_view where)
    : vocabulary_(std::move(vocabulary)),
      options_(std::move(options)),
      merges_(rows(vocabulary_, merges, options_, where)),
      unknown_(options_.unknown ? vocabulary_.id(*options_.unknown) : std::nullopt) {
  for (int b = 0; options_.byte_fallback && b < 256; ++b)
    bytes_.push_back(vocabulary_.id(byte_token(b)).value_or(-1));
}

void Bpe::tokenize(std::string_view word, std::vector<Piece>& pieces) const {
  if (options_.ignore_merges) {
    if (const auto id = vocabulary_.id(word)) {
      pieces.push_back({*id, static_cast<int32_t>(word.size())});
      return;
    }
  }
  std::vector<Symbol> symbols;
  characters(word, symbols);
  merge(symbols);
  int32_t end = 0;
  for (const Symbol& symbol : symbols) pieces.push_back({symbol.id, end += symbol.bytes});
}

// A character that is no token is its bytes where all of them are, else unknown, else dropped. An
// unknown one waits for the next character that is a token, as in the library: bytes may pass it.
void Bpe::characters(std::string_view word, std::vector<Symbol>& symbols) const {
  std::optional<Symbol> unknown;
  const auto flush = [&] {
    if (unknown) symbols.push_back(*unknown);
    unknown.reset();
  };
  std::string decorated;
  for (size_t at = 0, next; at < word.size(); at = next) {
    next = at + static_cast<size_t>(decode_utf8(word, at).bytes);
    const std::string_view character = word.substr(at, next - at);
    const auto bytes = static_cast<int32_t>(character.size());
    std::string_view token = character;
    if ((at > 0 && !options_.continuation.empty()) ||
        (next == word.size() && !options_.ending.empty())) {
      decorated = cat(at > 0 ? options_.continuation : "", character,
                      next == word.size() ? options_.ending : "");
      token = decorated;
    }
    if (const auto id = vocabulary_.id(token)) {
      flush();
      symbols.push_back({*id, bytes});
      continue;
    }
    const auto byte_id = [&](char c) { return bytes_[static_cast<unsigned char>(c)]; };
    if (options_.byte_fallback &&
        std::all_of(token.begin(), token.end(), [&](char c) { return byte_id(c) >= 0; })) {
      for (const char c : token) symbols.push_back({byte_id(c), 1});
      continue;
    }
    if (!options_.unknown) continue;
    if (!unknown_)
      fail(Code::kTokenizer, "tokenize: want a token for \"", character,
           "\", got neither it nor the unknown token \"", *options_.unknown,
           "\" in the vocabulary");
    if (unknown && options_.fuse_unknown) {
      unknown->bytes += bytes;
      continue;
    }
    flush();
    unknown = {*unknown_, bytes};
  }
  flush();
}

// next[i]: what symbols i and i + 1 become.
void Bpe::merge_few(std::vector<Symbol>& symbols, MergeTable::Merge* next) const {
  size_t count = symbols.size();
  while (count > 1) {
    size_t best = 0;
    // As unsigned numbers, pairs that do not merge are the last of all.
    uint32_t rank = static_cast<uint32_t>(next[0].rank);
    for (size_t i = 1; i + 1 < count; ++i) {
      const auto r = static_cast<uint32_t>(next[i].rank);
      best = r < rank ? i : best;
      rank = std::min(r, rank);
    }
    if (static_cast<int32_t>(rank) < 0) break;
    symbols[best] = {next[best].id, symbols[best].bytes + symbols[best + 1].bytes};
    --count;
    for (size_t i = best + 1; i < count; ++i) {
      symbols[i] = symbols[i + 1];
      next[i - 1] = next[i];
    }
    if (best + 1 < count) next[best] = merges_.find(symbols[best].id, symbols[best + 1].id);
    if (best > 0) next[best - 1] = merges_.find(symbols[best - 1].id, symbols[best].id);
  }
  symbols.resize(count);
}

void Bpe::merge_many(std::vector<Symbol>& symbols) const {
  struct Candidate {
    int32_t rank, at, id;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  const auto size = static_cast<int32_t>(symbols.size());
  std::vector<int32_t> left(symbols.size()),
      right(symbols.size());  // neighbours; -1 and size: none
  std::vector<Candidate> first;
  first.reserve(symbols.size());
  for (int32_t i = 0; i < size; ++i) {
    left[static_cast<size_t>(i)] = i - 1;
    right[static_cast<size_t>(i)] = i + 1;
    if (i + 1 == size) break;
    const auto merge =
        merges_.find(symbols[static_cast<size_t>(i)].id, symbols[static_cast<size_t>(i) + 1].id);
    if (merge.rank >= 0) first.push_back({merge.rank, i, merge.id});
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue(std::greater<>{},
                                                                               std::move(first));
  const auto offer = [&](int32_t at) {
    const int32_t next = right[static_cast<size_t>(at)];
    const auto merge =
        merges_.find(symbols[static_cast<size_t>(at)].id, symbols[static_cast<size_t>(next)].id);
    if (merge.rank >= 0) queue.push({merge.rank, at, merge.id});
  };
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    const auto at = static_cast<size_t>(top.at);
    if (symbols[at].bytes == 0 || right[at] == size) continue;  // went into another since
    const auto other = static_cast<size_t>(right[at]);
    if (merges_.find(symbols[at].id, symbols[other].id).id != top.id) continue;
    symbols[at] = {top.id, symbols[at].bytes + symbols[other].bytes};
    symbols[other].bytes = 0;
    right[at] = right[other];
    if (right[at] < size) left[static_cast<size_t>(right[at])] = top.at;
    if (left[at] >= 0) offer(left[at]);
    if (right[at] < size) offer(top.at);
  }
  std::erase_if(symbols, [](const Symbol& symbol) { return symbol.bytes == 0; });
}

std::pair<std::string, std::string> merge_of(std::string_view line, std::string_view where) {
  const size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos)
    fail(Code::kCorrupt, where, ": want two tokens with a space between, got \"", line, '"');
  return {std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
}

std::shared_ptr<const Bpe> make_bpe(const Json& json) {
  if (const auto dropout = json.find("dropout"); dropout && dropout->number() != 0)
    fail(Code::kUnsupported, dropout->path(), ": want none, got ", dropout->number());
  BpeOptions options;
  if (const auto unknown = json.find("unk_token")) options.unknown = std::string(unknown->string());
  options.continuation = json.string("continuing_subword_prefix", "");
  options.ending = json.string("end_of_word_suffix", "");
  options.fuse_unknown = json.boolean("fuse_unk", false);
  options.byte_fallback = json.boolean("byte_fallback", false);
  options.ignore_merges = json.boolean("ignore_merges", false);

  const Json vocab = json.at("vocab"), list = json.at("merges");
  std::vector<std::pair<std::string, int64_t>> tokens;
  for (const auto& [token, id] : vocab.members()) tokens.emplace_back(token, id.integer());
  Bpe::Merges merges;
  merges.reserve(list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    const Json merge = list[i];
    if (merge.is_string()) {
      if (!merge.string().starts_with("#version"))
        merges.push_back(merge_of(merge.string(), merge.path()));
    } else {
      if (merge.size() != 2)
        fail(Code::kCorrupt, merge.path(), ": want two tokens, got ", merge.size());
      merges.emplace_back(merge[0].string(), merge[1].string());
    }
  }
  return std::make_shared<Bpe>(Vocabulary(std::move(tokens), vocab.path()), merges,
                               std::move(options), json.path());
}

}  // namespace winnow
