// UTF-8: decoding one code point at a time, validation. No allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace winnow {

// The byte offset of the first byte that is not part of well-formed UTF-8 (RFC 3629: no overlong
// forms, no surrogates, nothing above U+10FFFF); empty when all of it is.
std::optional<size_t> invalid_utf8_at(std::string_view text);

// The code point that starts at text[at], and its length in bytes. Wants well-formed UTF-8 and at <
// size.
struct CodePoint {
  char32_t value;
  int bytes;
};
inline CodePoint decode_utf8(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {static_cast<char32_t>((lead & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  if (lead < 0xF0)
    return {static_cast<char32_t>((lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)),
            3};
  return {static_cast<char32_t>((lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 |
                                (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F)),
          4};
}

// The number of code points of well-formed UTF-8.
inline int64_t code_points(std::string_view text) {
  int64_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

// Appends the code point's one to four bytes. It must be a scalar value: no surrogate, at most
// U+10FFFF.
void append_utf8(std::string& text, char32_t code_point);

// How many bytes at the end of a text begin a character that more bytes could complete, 0 to 3.
size_t unfinished_utf8(std::string_view text);

// Replaces every maximal ill-formed sequence with U+FFFD, as WHATWG's decoder does.
std::string repair_utf8(std::string_view text);

}  // namespace winnow
