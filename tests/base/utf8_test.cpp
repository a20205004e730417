#include "base/utf8.h"

#include <doctest/doctest.h>

using namespace winnow;

TEST_CASE("every code point survives a round trip") {
  for (char32_t c = 1; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    const CodePoint got = decode_utf8(text, 0);
    REQUIRE(got.value == c);
    REQUIRE(got.bytes == static_cast<int>(text.size()));
    REQUIRE(!invalid_utf8_at(text));
  }
}

TEST_CASE("overlong forms, surrogates, cut sequences and stray bytes are found and repaired") {
  for (const char* bad :
       {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\x80", "\xFF"}) {
    const std::string text = std::string("ab") + bad;
    CHECK(invalid_utf8_at(text) == 2);
    CHECK(!invalid_utf8_at(repair_utf8(text)));
  }
  CHECK(repair_utf8("a\xE2\x82z") == "a\xEF\xBF\xBDz");
}
