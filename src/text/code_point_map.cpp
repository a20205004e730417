#include "text/code_point_map.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/utf8.h"
#include "text/unicode.h"

namespace winnow {
namespace {

constexpr char32_t kPage = 256;
constexpr char32_t kHangulFirst = 0xAC00, kHangulLast = 0xD7A3;

int32_t token_of(const WordPiece& model, char32_t c) {
  std::string word;
  append_utf8(word, c);
  std::vector<Piece> pieces;
  model.tokenize(word, pieces);
  return pieces.front().id;  // one code point is one token: a piece of it would not be UTF-8
}

}  // namespace

CodePointMap::CodePointMap(const BertOptions& options, const WordPiece& model)
    : options_(options), model_(model) {
  const auto bytes_of = [](const std::array<Entry, kPage>& page) {
    return std::string(reinterpret_cast<const char*>(page.data()), sizeof page);
  };
  std::map<std::string, uint32_t> known;
  std::array<Entry, kPage> page;
  for (char32_t p = 0; p < page_.size(); ++p) {
    fill(p * kPage, page);
    const auto [at, is_new] = known.emplace(bytes_of(page), static_cast<uint32_t>(entries_.size()));
    if (is_new) entries_.insert(entries_.end(), page.begin(), page.end());
    page_[p] = at->second;
  }
}

void CodePointMap::fill(char32_t first, std::span<Entry> page) {
  constexpr uint8_t kOneByOne =
      kChineseBit | kPunctuationBit | kDecomposesBit;  // each its own token or parts
  const char32_t surrogates = 0xD800, after = 0xE000;  // not in UTF-8
  if (first >= surrogates && first < after) {
    std::fill(page.begin(), page.end(), Entry());
  } else if (is_plain_page(first / kPage) && (code_point_bits(first) & kOneByOne) == 0) {
    Entry same = entry(first);
    std::fill(page.begin(), page.end(), same);
  } else {
    for (char32_t i = 0; i < kPage; ++i) page[i] = entry(first + i);
  }
}

std::span<const Entry> CodePointMap::expansion(uint32_t payload) const {
  return {expansions_.data() + payload + 1, expansions_[payload].payload()};
}

// In the normalizer's order: clean, space out ideographs, decompose and drop accents, lower case;
// then what the pre-tokenizer says of the result.
Entry CodePointMap::entry(char32_t c) {
  const uint8_t bits = code_point_bits(c);
  if (options_.clean_text) {
    if (bits & kRemovedBit) return {Fate::kRemoved, 0};
    if (bits & kSpaceBit) return {Fate::kSpace, 0};
  }
  const bool chinese = options_.chinese && (bits & kChineseBit) != 0;
  if (options_.strip_accents && c >= kHangulFirst && c <= kHangulLast) return {Fate::kHangul, 0};

  std::u32string out;
  const auto keep = [&](char32_t to) {
    if (options_.lower_case)
      out += lower_case(to).view();
    else
      out += to;
  };
  if (!options_.strip_accents) {
    keep(c);
  } else if ((bits & kDecomposesBit) == 0) {
    if ((bits & kNonspacingMarkBit) == 0) {
      if (combining_class(c) != 0) return {Fate::kReordered, 0};
      keep(c);
    }
  } else {
    const Mapping parts = canonical_decomposition(c);
    for (const char32_t part : parts) {
      if (code_point_bits(part) & kNonspacingMarkBit) continue;
      if (combining_class(part) != 0) return {Fate::kReordered, 0};
      keep(part);
    }
  }
  if (out.empty()) return {chinese ? Fate::kSpace : Fate::kRemoved, 0};
  if (out.size() == 1) return simple(c, out[0], chinese);
  std::vector<Entry> entries;
  if (chinese) entries.push_back({Fate::kSpace, 0});
  for (const char32_t to : out) entries.push_back(simple(0x110000, to, false));
  if (chinese) entries.push_back({Fate::kSpace, 0});
  return expanded(entries);
}

Entry CodePointMap::simple(char32_t source, char32_t c, bool alone) {
  const uint8_t bits = code_point_bits(c);
  if (bits & kSpaceBit) return {Fate::kSpace, 0};
  if (alone || (bits & kPunctuationBit))
    return {Fate::kAlone, static_cast<uint32_t>(token_of(model_, c))};
  return c == source ? Entry(Fate::kKept, 0) : Entry(Fate::kMapped, c);
}

Entry CodePointMap::expanded(const std::vector<Entry>& entries) {
  const auto at = static_cast<uint32_t>(expansions_.size());
  expansions_.push_back({Fate::kExpanded, static_cast<uint32_t>(entries.size())});
  expansions_.insert(expansions_.end(), entries.begin(), entries.end());
  return {Fate::kExpanded, at};
}

}  // namespace winnow
