#include "text/byte_alphabet.h"

#include <array>

#include "base/utf8.h"

namespace winnow {
namespace {

constexpr char32_t kMoved = 0x100;  // where the bytes that are not themselves begin
constexpr size_t kLetters = 0x144;

struct Alphabet {
  std::array<char32_t, 256> letters{};
  std::array<int16_t, kLetters> bytes{};

  constexpr Alphabet() {
    bytes.fill(-1);
    char32_t next = kMoved;
    for (char32_t b = 0; b < 256; ++b) {
      const bool itself =
          (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
      letters[b] = itself ? b : next++;
      bytes[letters[b]] = static_cast<int16_t>(b);
    }
  }
};

constexpr Alphabet kAlphabet;

}  // namespace

char32_t alphabet_letter(uint8_t byte) { return kAlphabet.letters[byte]; }

std::optional<uint8_t> alphabet_byte(char32_t letter) {
  if (letter >= kLetters || kAlphabet.bytes[letter] < 0) return std::nullopt;
  return static_cast<uint8_t>(kAlphabet.bytes[letter]);
}

std::optional<std::string> alphabet_bytes(std::string_view token) {
  std::string out;
  for (size_t at = 0; at < token.size();) {
    const CodePoint c = decode_utf8(token, at);
    const auto byte = alphabet_byte(c.value);
    if (!byte) return std::nullopt;
    out += static_cast<char>(*byte);
    at += static_cast<size_t>(c.bytes);
  }
  return out;
}

}  // namespace winnow
