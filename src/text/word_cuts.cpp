#include "text/word_cuts.h"

#include "base/utf8.h"

namespace winnow {
namespace {

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// Bytes of a character by its first.
size_t length_of(unsigned char lead) {
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

size_t meeting(char last, char first) {
  return static_cast<size_t>(static_cast<unsigned char>(last)) << 8 |
         static_cast<unsigned char>(first);
}

void set(std::vector<uint64_t>& bits, size_t at) { bits[at / 64] |= uint64_t{1} << at % 64; }

bool is_set(const std::vector<uint64_t>& bits, size_t at) {
  return (bits[at / 64] >> at % 64 & 1) != 0;
}

}  // namespace

WordCuts::WordCuts(const std::vector<std::string>& tokens)
    : pairs_((size_t{1} << kPairBits) / 64), bytes_(0x10000 / 64) {
  for (const std::string& token : tokens) learn(token);
}

void WordCuts::learn(std::string_view token) {
  for (size_t at = 1; at < token.size(); ++at) {
    if (is_continuation(token[at])) continue;
    size_t left = at - 1;
    while (left > 0 && is_continuation(token[left])) --left;
    const std::string_view before = token.substr(left, at - left), after = token.substr(at);
    const size_t after_bytes = length_of(static_cast<unsigned char>(after[0]));
    const bool whole = after.size() >= after_bytes && !invalid_utf8_at(before) &&
                       !invalid_utf8_at(after.substr(0, after_bytes));
    if (whole)
      set(pairs_, place(decode_utf8(before, 0).value, decode_utf8(after, 0).value));
    else
      set(bytes_, meeting(token[at - 1], token[at]));
  }
}

size_t WordCuts::part_end(std::string_view word, size_t begin) const {
  CodePoint left = decode_utf8(word, begin);
  size_t at = begin + static_cast<size_t>(left.bytes);
  while (at < word.size()) {
    const CodePoint right = decode_utf8(word, at);
    if (!is_set(pairs_, place(left.value, right.value)) &&
        !is_set(bytes_, meeting(word[at - 1], word[at])))
      break;
    left = right;
    at += static_cast<size_t>(right.bytes);
  }
  return at;
}

}  // namespace winnow
