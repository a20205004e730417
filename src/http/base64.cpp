#include "http/base64.h"

#include <bit>
#include <cstdint>

namespace winnow {

std::string base64(std::span<const std::byte> bytes) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  char* out = text.data();
  const auto byte = [&](size_t i) { return std::to_integer<uint32_t>(bytes[i]); };
  size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const uint32_t bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    *out++ = kAlphabet[bits >> 18];
    *out++ = kAlphabet[bits >> 12 & 63];
    *out++ = kAlphabet[bits >> 6 & 63];
    *out++ = kAlphabet[bits & 63];
  }
  const size_t rest = bytes.size() - i;  // 0, 1 or 2 bytes: 0, 2 or 3 letters, then padding
  if (rest == 0) return text;
  const uint32_t bits = byte(i) << 16 | (rest == 2 ? byte(i + 1) << 8 : 0);
  *out++ = kAlphabet[bits >> 18];
  *out++ = kAlphabet[bits >> 12 & 63];
  if (rest == 2) *out++ = kAlphabet[bits >> 6 & 63];
  return text;
}

std::string base64_floats(std::span<const float> values) {
  static_assert(std::endian::native == std::endian::little, "swap the bytes here");
  return base64(std::as_bytes(values));
}

}  // namespace winnow
