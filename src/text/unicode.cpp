#include "text/unicode.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <memory>
#include <unordered_map>

#include "base/utf8.h"

namespace winnow {
namespace {

struct CodePointRange {
  char32_t first, last;
};
struct MarkRange {
  char32_t first, last;
  uint8_t combining_class;
};
struct CaseRange {
  char32_t first, last, step;
  int32_t delta;
};
struct Composition {
  char32_t first, second, composed;
};

#include "text/unicode_tables.inc"

constexpr char32_t kEnd = 0x110000, kPage = 256;
constexpr char32_t kHangulFirst = 0xAC00, kHangulLast = 0xD7A3;
constexpr char32_t kLead = 0x1100, kVowel = 0x1161, kTail = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTails = 28;

bool is_hangul(char32_t c) { return c >= kHangulFirst && c <= kHangulLast; }

constexpr uint8_t kOrderedBit = 16;

// Offsets into a flat table of (code point, count, code points...).
using FlatIndex = std::unordered_map<char32_t, uint32_t>;

template <size_t N>
FlatIndex index_of(const char32_t (&table)[N]) {
  FlatIndex index;
  for (uint32_t i = 0; i < N; i += 2 + table[i + 1]) index.emplace(table[i], i + 1);
  return index;
}

Mapping mapping_at(const char32_t* count) {
  Mapping out;
  out.size = static_cast<int>(*count);
  std::copy(count + 1, count + 1 + out.size, out.to);
  return out;
}

Mapping one(char32_t c) {
  Mapping out;
  out.to[0] = c;
  out.size = 1;
  return out;
}

// Expanded once from the generated ranges: a byte a code point, of which a process touches few
// pages.
struct Tables {
  std::unique_ptr<uint8_t[]> bits = std::make_unique<uint8_t[]>(kEnd);
  FlatIndex canonical = index_of(kCanonical), compatible = index_of(kCompatible);
  FlatIndex lower;  // single lower-case letters, the code point itself
  std::unordered_map<uint64_t, char32_t> composed;
  std::array<bool, kEnd / kPage> plain;
  // Bit f: the code point may change in form f, or change others; kOrderedBit: a mark, which must
  // stand in the order of the classes.
  std::unique_ptr<uint8_t[]> unstable = std::make_unique<uint8_t[]>(kEnd);

  Tables() {
    set(kRemoved, kRemovedBit);
    set(kSpace, kSpaceBit);
    set(kPunctuation, kPunctuationBit);
    set(kChinese, kChineseBit);
    set(kNonspacingMark, kNonspacingMarkBit);
    set(kCombiningMark, kCombiningMarkBit);
    set(kWord, kWordBit);
    for (const FlatIndex* index : {&canonical, &compatible})
      for (const auto& [c, at] : *index) bits[c] |= kDecomposesBit;
    for (char32_t c = kHangulFirst; c <= kHangulLast; ++c) bits[c] |= kDecomposesBit;
    for (const CaseRange& r : kLower)
      for (char32_t c = r.first; c <= r.last; c += r.step)
        lower.emplace(c, static_cast<char32_t>(static_cast<int32_t>(c) + r.delta));
    for (const Composition& c : kCompositions)
      composed.emplace(pair(c.first, c.second), c.composed);
    find_plain_pages();
    find_unstable();
  }

  void find_unstable() {
    constexpr uint8_t kDecomposed = 1 << static_cast<int>(NormalForm::kNfd),
                      kComposed = 1 << static_cast<int>(NormalForm::kNfc),
                      kDecomposedCompatible = 1 << static_cast<int>(NormalForm::kNfkd),
                      kComposedCompatible = 1 << static_cast<int>(NormalForm::kNfkc);
    for (const auto& [c, at] : canonical)
      unstable[c] |= kDecomposed | kComposed | kDecomposedCompatible | kComposedCompatible;
    for (char32_t c = kHangulFirst; c <= kHangulLast; ++c)
      unstable[c] |= kDecomposed | kDecomposedCompatible;
    for (const Composition& c : kCompositions)
      unstable[c.composed] &= static_cast<uint8_t>(~(kComposed | kComposedCompatible));
    for (const Composition& c : kCompositions)
      unstable[c.second] |= kComposed | kComposedCompatible;
    for (char32_t c = kVowel; c < kVowel + kVowels; ++c)
      unstable[c] |= kComposed | kComposedCompatible;
    for (char32_t c = kTail + 1; c < kTail + kTails; ++c)
      unstable[c] |= kComposed | kComposedCompatible;
    for (const auto& [c, at] : compatible)
      unstable[c] |= kDecomposedCompatible | kComposedCompatible;
    for (const MarkRange& r : kMarks)
      for (char32_t c = r.first; c <= r.last; ++c) unstable[c] |= kOrderedBit;
  }

  void find_plain_pages() {
    for (char32_t page = 0; page < plain.size(); ++page) {
      const uint8_t* first = &bits[page * kPage];
      plain[page] = std::all_of(first, first + kPage, [&](uint8_t b) { return b == *first; });
    }
    for (const auto& [c, to] : lower) plain[c / kPage] = false;
    for (const MarkRange& r : kMarks)
      for (char32_t page = r.first / kPage; page <= r.last / kPage; ++page) plain[page] = false;
  }

  template <size_t N>
  void set(const CodePointRange (&ranges)[N], uint8_t bit) {
    for (const CodePointRange& r : ranges)
      for (char32_t c = r.first; c <= r.last; ++c) bits[c] |= bit;
  }

  static uint64_t pair(char32_t first, char32_t second) {
    return static_cast<uint64_t>(first) << 32 | second;
  }
};

const Tables& tables() {
  static const Tables kTables;
  return kTables;
}

}  // namespace

uint8_t code_point_bits(char32_t code_point) { return tables().bits[code_point]; }

bool is_plain_page(char32_t page) { return tables().plain[page]; }

uint8_t combining_class(char32_t code_point) {
  if (code_point < kMarks[0].first) return 0;
  const auto after = std::upper_bound(std::begin(kMarks), std::end(kMarks), code_point,
                                      [](char32_t c, const MarkRange& r) { return c < r.first; });
  const MarkRange& range = *std::prev(after);
  return code_point <= range.last ? range.combining_class : 0;
}

Mapping lower_case(char32_t code_point) {
  if (code_point == kLowerLong[0]) return mapping_at(kLowerLong + 1);
  const auto found = tables().lower.find(code_point);
  return one(found == tables().lower.end() ? code_point : found->second);
}

Mapping canonical_decomposition(char32_t code_point) {
  if (is_hangul(code_point)) {
    const char32_t i = code_point - kHangulFirst;
    Mapping out;
    out.to[out.size++] = kLead + i / (kVowels * kTails);
    out.to[out.size++] = kVowel + i % (kVowels * kTails) / kTails;
    if (i % kTails != 0) out.to[out.size++] = kTail + i % kTails;
    return out;
  }
  const auto found = tables().canonical.find(code_point);
  return found == tables().canonical.end() ? one(code_point)
                                           : mapping_at(kCanonical + found->second);
}

Mapping compatibility_decomposition(char32_t code_point) {
  const auto found = tables().compatible.find(code_point);
  if (found == tables().compatible.end()) return canonical_decomposition(code_point);
  return mapping_at(kCompatible + found->second);
}

bool surely_normal(std::string_view text, NormalForm form) {
  const uint8_t* const unstable = tables().unstable.get();
  const auto changes = static_cast<uint8_t>(1 << static_cast<int>(form));
  uint8_t last_class = 0;
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {  // stays as it is in every form
      last_class = 0;
      ++at;
      for (uint64_t eight; text.size() - at >= sizeof eight; at += sizeof eight) {
        std::memcpy(&eight, text.data() + at, sizeof eight);
        if ((eight & 0x8080808080808080u) != 0) break;
      }
      continue;
    }
    if (lead >= 0xE4 && lead <= 0xE9) {  // U+4000 to U+9FFF: ideographs, which stay too
      last_class = 0;
      at += 3;
      continue;
    }
    if (form == NormalForm::kNfc && lead < 0xCC) {  // below U+0300
      last_class = 0;
      at += 2;
      continue;
    }
    const CodePoint c = decode_utf8(text, at);
    at += static_cast<size_t>(c.bytes);
    const uint8_t bits = unstable[c.value];
    if ((bits & changes) != 0) return false;
    if ((bits & kOrderedBit) != 0) {
      const uint8_t cls = combining_class(c.value);
      if (last_class > cls) return false;
      last_class = cls;
    } else {
      last_class = 0;
    }
  }
  return true;
}

char32_t compose(char32_t first, char32_t second) {
  if (first - kLead < kLeads && second - kVowel < kVowels)
    return kHangulFirst + ((first - kLead) * kVowels + (second - kVowel)) * kTails;
  if (is_hangul(first) && (first - kHangulFirst) % kTails == 0 && second - kTail - 1 < kTails - 1)
    return first + (second - kTail);
  const auto found = tables().composed.find(Tables::pair(first, second));
  return found == tables().composed.end() ? 0 : found->second;
}

}  // namespace winnow
