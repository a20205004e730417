#include "text/regex_classes.h"

#include <cstddef>
#include <vector>

namespace winnow {
namespace {

struct CodePointRange {
  char32_t first, last;
};

#include "text/regex_classes.inc"

template <size_t N>
void set(std::vector<uint8_t>& classes, const CodePointRange (&ranges)[N], uint8_t bit) {
  for (const CodePointRange& r : ranges)
    for (char32_t c = r.first; c <= r.last; ++c) classes[c] |= bit;
}

std::vector<uint8_t> expanded() {
  std::vector<uint8_t> classes(0x110000);
  set(classes, kLetter, kLetterClass);
  set(classes, kNumber, kNumberClass);
  set(classes, kRegexSpace, kWhiteClass);
  set(classes, kDigit, kDigitClass);
  for (const char c : {'\r', '\n'}) classes[static_cast<unsigned char>(c)] |= kLineBreakClass;
  return classes;
}

}  // namespace

const uint8_t* regex_classes() {
  static const std::vector<uint8_t> kClasses = expanded();
  return kClasses.data();
}

}  // namespace winnow
