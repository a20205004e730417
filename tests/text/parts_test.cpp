// The pieces under the tokenizer, each against a plain way to say the same.
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>

#include "base/error.h"
#include "base/utf8.h"
#include "text/normalizer.h"
#include "text/trie.h"
#include "text/unicode.h"
#include "text/word_cache.h"

namespace winnow {
namespace {

Normalized normalized(const char* type, std::string_view text) {
  Normalized n = decode(text, 0);
  make_normalizer(Json::parse(std::string(R"({"type":")") + type + "\"}", "test"))->apply(n);
  return n;
}

std::string utf8(const Normalized& n) {
  std::string out;
  for (const char32_t c : n.text) append_utf8(out, c);
  return out;
}

TEST_CASE("a trie finds what a map finds, and the longest prefix") {
  std::mt19937 rng(5);
  std::map<std::string, int32_t> map;
  for (int i = 0; i < 3000; ++i) {
    std::string key;
    for (uint32_t size = rng() % 6; size > 0; --size)
      key += static_cast<char>(
          "ab\0\xff"
          "cd"[rng() % 6]);
    map.emplace(key, i);
  }
  const Trie trie(std::vector<std::pair<std::string_view, int32_t>>(map.begin(), map.end()));
  for (int i = 0; i < 20000; ++i) {
    std::string key;
    for (uint32_t size = rng() % 7; size > 0; --size)
      key += static_cast<char>(
          "ab\0\xff"
          "cde"[rng() % 7]);
    const auto found = map.find(key);
    CHECK(trie.find(key) == (found == map.end() ? -1 : found->second));
  }
}

TEST_CASE("an empty trie finds nothing") {
  const Trie trie({});
  CHECK(trie.find("") == -1);
  CHECK(trie.find(std::string_view("\0", 1)) == -1);
  CHECK(trie.find("a") == -1);
}

TEST_CASE("a word cache answers what was put, or nothing") {
  WordCache cache(2);  // 8 words: they displace each other
  int found = 0;
  for (int32_t i = 0; i < 500; ++i) {
    const std::string word = cat("w", i % 20);
    const int32_t ids[] = {i % 20, 2097151, 7};
    int32_t out[WordCache::kMaxIds] = {};
    if (const int count = cache.find(WordKey::of(word), out)) {
      ++found;
      CHECK(count == i % 20 % 3 + 1);
      for (int k = 0; k < count; ++k) CHECK(out[k] == ids[k]);
    }
    cache.put(WordKey::of(word), ids, i % 20 % 3 + 1);
    CHECK(cache.find(WordKey::of(word), out) == i % 20 % 3 + 1);
  }
  CHECK(found > 0);
}

TEST_CASE("a word and the same word with a zero byte are two") {
  WordCache cache(4);
  const int32_t id = 1;
  int32_t out[WordCache::kMaxIds];
  cache.put(WordKey::of("ab"), &id, 1);
  CHECK(cache.find(WordKey::of(std::string_view("ab\0", 3)), out) == 0);
  CHECK(cache.find(WordKey::of("ab"), out) == 1);
}

TEST_CASE("the library's Unicode: classes") {
  CHECK((code_point_bits(U'\t') & kRemovedBit) == 0);
  CHECK((code_point_bits(U'\v') & kRemovedBit) != 0);
  CHECK((code_point_bits(0xFFFD) & kRemovedBit) != 0);
  CHECK((code_point_bits(0x3000) & kSpaceBit) != 0);
  CHECK((code_point_bits(U'$') & kPunctuationBit) !=
        0);  // ASCII: punctuation though it is a symbol
  CHECK((code_point_bits(0x20AC) & kPunctuationBit) == 0);  // the euro sign is a symbol
  CHECK((code_point_bits(0x2B81F) & kChineseBit) != 0);
  CHECK((code_point_bits(0x2B820) & kChineseBit) ==
        0);  // the Rust library's bound, models.md 1.2.3
  CHECK((code_point_bits(0x2B920) & kChineseBit) != 0);
  CHECK(combining_class(0x301) == 230);
  CHECK(combining_class(U'a') == 0);
  CHECK(lower_case(0x130).view() == U"i\u0307");
  CHECK(lower_case(0x1E9E).view() == U"ß");
}

TEST_CASE("normal forms compose, decompose and order marks, and origins follow") {
  CHECK(utf8(normalized("NFD", "é각")) == "e\u0301\u1100\u1161\u11a8");
  CHECK(utf8(normalized("NFC", "e\u0323\u0301\u1100\u1161\u11a8")) == "ẹ\u0301각");
  CHECK(utf8(normalized("NFC", "\u0958")) == "\u0915\u093c");  // excluded from composition
  CHECK(utf8(normalized("NFKC", "ﬃ①")) == "ffi1");
  CHECK(utf8(normalized("NFKD", "ｶﾞ")) == "カ\u3099");
  CHECK(utf8(normalized("NFD", "a\u0315\u0300")) == "a\u0300\u0315");
  CHECK(normalized("NFC", "xe\u0301y").origin == std::vector<Offset>{{0, 1}, {1, 2}, {3, 4}});
  CHECK(normalized("NFKC", "aﬃb").origin ==
        std::vector<Offset>{{0, 1}, {1, 2}, {1, 2}, {1, 2}, {2, 3}});
  CHECK(normalized("Lowercase", "İA").origin == std::vector<Offset>{{0, 1}, {0, 1}, {1, 2}});
}

}  // namespace
}  // namespace winnow
