#include "http/base64.h"

#include <doctest/doctest.h>

#include <cstring>
#include <string_view>
#include <vector>

namespace winnow {
namespace {

std::string encode(std::string_view text) {
  return base64(std::as_bytes(std::span(text.data(), text.size())));
}

TEST_CASE("base64 gives the test vectors of RFC 4648, section 10") {
  CHECK(encode("") == "");
  CHECK(encode("f") == "Zg==");
  CHECK(encode("fo") == "Zm8=");
  CHECK(encode("foo") == "Zm9v");
  CHECK(encode("foob") == "Zm9vYg==");
  CHECK(encode("fooba") == "Zm9vYmE=");
  CHECK(encode("foobar") == "Zm9vYmFy");
}

TEST_CASE("base64 uses the standard alphabet for high bytes") {
  CHECK(encode("\xFB\xFF\xBF") == "+/+/");
}

TEST_CASE("base64_floats is the base64 of little-endian float32") {
  // python: base64.b64encode(struct.pack("<3f", 1.0, -2.5, 3.1415927))
  CHECK(base64_floats(std::vector<float>{1.0f, -2.5f, 3.1415927f}) == "AACAPwAAIMDbD0lA");
}

}  // namespace
}  // namespace winnow
