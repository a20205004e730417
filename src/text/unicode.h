// Unicode as the `tokenizers` library sees it. Its crates carry tables of several Unicode versions,
// which no library of one version agrees with, so these are generated from it
// (tools/unicode_tables.py). Constant and thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

namespace winnow {

// Properties of a code point; a set of these bits.
enum CodePointBits : uint8_t {
  kRemovedBit = 1,          // dropped by cleaning: NUL, U+FFFD, Cc but TAB, LF and CR, Cf, Co
  kSpaceBit = 2,            // White_Space
  kPunctuationBit = 4,      // ASCII punctuation, P*
  kChineseBit = 8,          // the ideograph ranges of BERT
  kNonspacingMarkBit = 16,  // Mn that accent stripping drops
  kCombiningMarkBit = 32,   // M*, for the StripAccents normalizer
  kWordBit = 64,            // \w of regular expressions
  kDecomposesBit = 128,     // NFD or NFKD of the code point is not the code point itself
};

// The bits of a code point up to U+10FFFF.
uint8_t code_point_bits(char32_t code_point);

// Whether all 256 code points from 256 * page on are alike: same bits, no case, combining class 0.
bool is_plain_page(char32_t page);

// Canonical combining class: 0 for starters.
uint8_t combining_class(char32_t code_point);

// What one code point becomes; at most this many code points.
inline constexpr int kLongestMapping = 18;
struct Mapping {
  char32_t to[kLongestMapping];
  int size = 0;
  const char32_t* begin() const { return to; }
  const char32_t* end() const { return to + size; }
  std::u32string_view view() const { return {to, static_cast<size_t>(size)}; }
};
Mapping lower_case(char32_t code_point);
Mapping canonical_decomposition(char32_t code_point);      // NFD of one code point, Hangul included
Mapping compatibility_decomposition(char32_t code_point);  // NFKD of one code point

// The four normalization forms.
enum class NormalForm { kNfd, kNfc, kNfkd, kNfkc };

// True only when a text (well-formed UTF-8) is in the form already. False may mean that it takes
// more than a look at each code point to say.
bool surely_normal(std::string_view text, NormalForm form);

// The primary composite of two code points (NFC), or 0.
char32_t compose(char32_t first, char32_t second);

}  // namespace winnow
