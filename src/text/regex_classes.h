// What the regular expressions of tokenizer files say of a code point, as the `tokenizers` library
// sees it: its Unicode tables are newer than a distribution's Oniguruma, so these are generated
// from it (tools/unicode_tables.py). Constant and thread-safe.
#pragma once

#include <cstdint>

namespace winnow {

// A set of these bits.
enum RegexClass : uint8_t {
  kLetterClass = 1,      // \p{L}
  kNumberClass = 2,      // \p{N}
  kWhiteClass = 4,       // \s
  kDigitClass = 8,       // numeric to the Digits pre-tokenizer, whose table is another
  kLineBreakClass = 16,  // [\r\n]
};

// One byte a code point, U+0000 to U+10FFFF.
const uint8_t* regex_classes();

}  // namespace winnow
