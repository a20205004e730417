// Base64 with the standard alphabet and padding (RFC 4648, section 4).
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace winnow {

// A letter for every six bits, padded with = to fours.
std::string base64(std::span<const std::byte> bytes);

// The base64 of a vector's values as little-endian float32, which is what OpenAI's clients decode.
std::string base64_floats(std::span<const float> values);

}  // namespace winnow
