#include "text/word_cuts.h"

#include <algorithm>

namespace winnow {
namespace {

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// Bytes of a character by its first.
size_t length_of(unsigned char lead) {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

// The last byte on the left and the first on the right.
size_t meeting(uint32_t left, int left_bytes, uint32_t right) {
  return (left >> 8 * (left_bytes - 1) & 0xFF) << 8 | (right & 0xFF);
}

void set(std::vector<uint64_t>& bits, size_t at) { bits[at / 64] |= uint64_t{1} << at % 64; }

bool is_set(const std::vector<uint64_t>& bits, size_t at) {
  return (bits[at / 64] >> at % 64 & 1) != 0;
}

}  // namespace

WordCuts::WordCuts(const std::vector<std::string>& tokens)
    : beside_((size_t{1} << kBesideBits) / 64), parts_(0x10000 / 64) {
  for (const std::string& token : tokens) learn(token);
}

// A part at the text's end has the bytes that are there.
WordCuts::Character WordCuts::at(std::string_view text, size_t byte) {
  const size_t bytes =
      std::min(length_of(static_cast<unsigned char>(text[byte])), text.size() - byte);
  uint32_t packed = 0;
  for (size_t i = 0; i < bytes; ++i)
    packed |= uint32_t{static_cast<unsigned char>(text[byte + i])} << 8 * i;
  return {packed, static_cast<int>(bytes)};
}

void WordCuts::learn(std::string_view token) {
  for (size_t boundary = 1; boundary < token.size(); ++boundary) {
    if (is_continuation(token[boundary])) continue;
    size_t left = boundary - 1;
    while (left > 0 && boundary - left < 4 && is_continuation(token[left])) --left;
    uint32_t packed = 0;
    for (size_t i = left; i < boundary; ++i)
      packed |= uint32_t{static_cast<unsigned char>(token[i])} << 8 * (i - left);
    const Character right = at(token, boundary);
    set(beside_, place(packed, right.packed));
    const bool whole =
        length_of(static_cast<unsigned char>(token[left])) == boundary - left &&
        length_of(static_cast<unsigned char>(token[boundary])) == static_cast<size_t>(right.bytes);
    if (!whole) set(parts_, meeting(packed, static_cast<int>(boundary - left), right.packed));
  }
}

bool WordCuts::crossed(Character left, Character right) const {
  if (is_set(beside_, place(left.packed, right.packed))) return true;
  if (!is_set(parts_, meeting(left.packed, left.bytes, right.packed))) return false;
  for (int l = 1; l <= left.bytes; ++l)
    for (int r = 1; r <= right.bytes; ++r) {
      const uint32_t end = left.packed >> 8 * (left.bytes - l);
      const auto begin = static_cast<uint32_t>(right.packed & ((uint64_t{1} << 8 * r) - 1));
      if (is_set(beside_, place(end, begin))) return true;
    }
  return false;
}

size_t WordCuts::part_end(std::string_view word, size_t begin) const {
  Character left = at(word, begin);
  size_t end = begin + static_cast<size_t>(left.bytes);
  while (end < word.size()) {
    const Character right = at(word, end);
    if (!crossed(left, right)) break;
    left = right;
    end += static_cast<size_t>(right.bytes);
  }
  return end;
}

}  // namespace winnow
