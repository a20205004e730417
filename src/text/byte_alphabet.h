// The alphabet in which byte-level tokenizers write bytes: a printable character for each. Source:
// GPT-2's byte encoder.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace winnow {

// 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF stand for themselves, the other 68 bytes are U+0100 and up in
// their order.
char32_t alphabet_letter(uint8_t byte);

// The byte that a letter of the alphabet stands for.
std::optional<uint8_t> alphabet_byte(char32_t letter);

// The bytes that a token (well-formed UTF-8) stands for; empty when some character of it is no
// letter of the alphabet.
std::optional<std::string> alphabet_bytes(std::string_view token);

}  // namespace winnow
