// Known answers of whole tokenizers. That they are the library's on 100,000 texts is
// tests/text/oracle.py's business.
#include "text/tokenizer.h"

#include <doctest/doctest.h>

#include <thread>

#include "base/error.h"
#include "real_models.h"
#include "tiny.h"

namespace winnow {
namespace {

using namespace std::string_view_literals;
using Ids = std::vector<int32_t>;
using Offsets = std::vector<Offset>;

std::shared_ptr<const Tokenizer> tiny(const test::TinyParts& parts = {}) {
  return Tokenizer::from_json(parts.json(), "tiny.json");
}

// The general way: a sequence of one is the same normalizer, but not known to be BERT's own.
std::shared_ptr<const Tokenizer> general(test::TinyParts parts = {}) {
  parts.normalizer = R"({"type":"Sequence","normalizers":[)" + parts.normalizer + "]}";
  return tiny(parts);
}

TEST_CASE("words are lower-cased, stripped of accents and covered by the longest pieces") {
  for (const auto& t : {tiny(), general()}) {
    CHECK(t->tokenize("Hello, WORLD!").ids == Ids{8, 10, 9, 11});
    CHECK(t->tokenize("unaffable").ids == Ids{5, 6, 7});
    CHECK(t->tokenize("Café cafe\u0301").ids == Ids{14, 14});
    CHECK(t->tokenize("xyz unaffx").ids == Ids{1, 1});
    CHECK(t->tokenize("a中国b").ids == Ids{12, 15, 16, 1});
    CHECK(t->tokenize("don't").ids == Ids{20, 21, 22});
    CHECK(t->tokenize("").ids.empty());
    CHECK(t->tokenize(" \t\r\n\u3000").ids.empty());
  }
}

TEST_CASE("a word that was seen before has the same tokens, with offsets or without") {
  const auto t = tiny();
  const TokenSpan with = t->tokenize("hello unaffable hello", true);
  for (int time = 0; time < 3; ++time) CHECK(t->tokenize("hello unaffable hello").ids == with.ids);
}

TEST_CASE("offsets are code points of the original text") {
  for (const auto& t : {tiny(), general()}) {
    const TokenSpan s = t->tokenize("é中 Unaffable\u00ad, cafe\u0301!", true);
    CHECK(s.ids == Ids{1, 15, 5, 6, 7, 10, 14, 11});
    CHECK(s.offsets ==
          Offsets{{0, 1}, {1, 2}, {3, 5}, {5, 8}, {8, 12}, {13, 14}, {15, 19}, {20, 21}});
  }
}

TEST_CASE("control characters go, unassigned ones stay") {
  for (const auto& t : {tiny(), general()}) {
    CHECK(t->tokenize("he\0l\x7fl\u200bo"sv).ids == Ids{8});
    CHECK(t->tokenize("hello\x0bworld").ids ==
          Ids{1});  // a vertical tab is a control character, not a space
    CHECK(t->tokenize("hello\u0378").ids == Ids{1});  // unassigned: part of the word
  }
}

TEST_CASE("a text whose marks change places is tokenized as one whose marks do not") {
  test::TinyParts parts;
  parts.vocab.insert(parts.vocab.size() - 1, R"(,"q\ud834\udd65":29)");
  // U+1D165 is no nonspacing mark, so it stays, and its class 216 orders it before U+0301 of class
  // 230.
  for (const auto& t : {tiny(parts), general(parts)}) {
    const TokenSpan s = t->tokenize("hello q\u0301\U0001D165 a", true);
    CHECK(s.ids == Ids{8, 29, 12});
    CHECK(s.offsets == Offsets{{0, 5}, {6, 8}, {10, 11}});
    CHECK(t->tokenize("hello q\u0301\U0001D165 a").ids == s.ids);
  }
}

TEST_CASE("Hangul is decomposed when accents are stripped") {
  CHECK(tiny()->tokenize("가").ids == Ids{28});
  test::TinyParts parts;
  parts.normalizer = R"({"type":"BertNormalizer","strip_accents":false,"lowercase":true})";
  CHECK(tiny(parts)->tokenize("가").ids == Ids{1});
}

TEST_CASE("lower-casing and accent stripping are apart when the file says so") {
  test::TinyParts cased;
  cased.normalizer = R"({"type":"BertNormalizer","lowercase":false})";
  CHECK(tiny(cased)->tokenize("A a é").ids == Ids{24, 12, 23});
  test::TinyParts accents;
  accents.normalizer = R"({"type":"BertNormalizer","lowercase":true,"strip_accents":false})";
  CHECK(tiny(accents)->tokenize("É A").ids == Ids{23, 12});
}

TEST_CASE("a word above the limit is one unknown token, whatever it holds") {
  test::TinyParts parts;
  parts.model_options = R"("type":"WordPiece","unk_token":"[UNK]","max_input_chars_per_word":5)";
  for (const auto& t : {tiny(parts), general(parts)}) {
    CHECK(t->tokenize("hello").ids == Ids{8});
    const TokenSpan s = t->tokenize("abbbbbb ab", true);
    CHECK(s.ids == Ids{1, 12, 13});
    CHECK(s.offsets == Offsets{{0, 7}, {8, 9}, {9, 10}});
  }
  const std::string megabyte(1'000'000, 'a');
  CHECK(tiny()->tokenize(megabyte).ids == Ids{1});
}

TEST_CASE("added tokens are found in the raw text, longest first") {
  const auto t = tiny();
  const TokenSpan s = t->tokenize("a[SEP]b [SEP [CLS]", true);
  CHECK(s.ids == Ids{12, 3, 1, 25, 27, 2});
  CHECK(s.offsets == Offsets{{0, 1}, {1, 6}, {6, 7}, {8, 9}, {9, 12}, {13, 18}});
  CHECK(t->tokenize("[sep]").ids == Ids{25, 27, 26});
}

TEST_CASE("added tokens take white space, want whole words and are normalized as they say") {
  test::TinyParts parts;
  parts.added =
      R"([{"id":29,"content":"<l>","lstrip":true,"normalized":false},{"id":30,"content":"<r>","rstrip":true,)"
      R"("normalized":false},{"id":31,"content":"one","single_word":true,"normalized":false},)"
      R"({"id":32,"content":"STRA\u00dfe","normalized":true},{"id":33,"content":"<l><l>","normalized":false}])";
  const auto t = tiny(parts);
  const TokenSpan s = t->tokenize("é  <l> a <r>  a", true);
  CHECK(s.ids == Ids{1, 29, 12, 30, 12});
  CHECK(s.offsets == Offsets{{0, 1}, {1, 6}, {7, 8}, {9, 14}, {14, 15}});
  CHECK(t->tokenize("one bone one.").ids == Ids{31, 1, 31, 1});
  CHECK(t->tokenize("Straße strasse").ids == Ids{32, 1});
  CHECK(t->tokenize("<l><l><l>").ids == Ids{33, 29});
  CHECK(t->vocab_size() == 34);
  CHECK(t->token_id("<r>") == 30);
  CHECK(t->token_id("STRAße") == 32);
  CHECK(t->token(32) == "straße");  // as the library names it
  CHECK(t->decode(Ids{8, 32}, false) == "hello straße");
  CHECK_FALSE(t->is_special(30));
}

TEST_CASE("the template puts special tokens and types around one text or two") {
  const auto t = tiny();
  const TokenSpan a = t->tokenize("hello", true), b = t->tokenize("world !", true);
  CHECK(t->special_tokens(false) == 2);
  CHECK(t->special_tokens(true) == 3);
  const Encoding pair = t->assemble(a, &b);
  CHECK(pair.ids == Ids{2, 8, 3, 9, 11, 3});
  CHECK(pair.type_ids == Ids{0, 0, 0, 1, 1, 1});
  CHECK(pair.offsets == Offsets{{0, 0}, {0, 5}, {0, 0}, {0, 5}, {6, 7}, {0, 0}});
  CHECK(pair.special == std::vector<uint8_t>{1, 0, 1, 0, 0, 1});
  const Encoding single = t->assemble(t->tokenize("hello"), nullptr);
  CHECK(single.ids == Ids{2, 8, 3});
  CHECK(single.type_ids == Ids{0, 0, 0});
  CHECK(single.offsets.empty());

  test::TinyParts bert;
  bert.post_processor = R"({"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]})";
  CHECK(tiny(bert)->assemble(a, &b).ids == pair.ids);
  CHECK(tiny(bert)->assemble(a, &b).type_ids == pair.type_ids);
  test::TinyParts none;
  none.post_processor = "null";
  CHECK(tiny(none)->assemble(a, &b).ids == Ids{8, 9, 11});
  CHECK(tiny(none)->special_tokens(true) == 0);
}

TEST_CASE("decoding joins pieces, closes up punctuation and leaves special tokens out when asked") {
  const auto t = tiny();
  CHECK(t->decode(Ids{2, 5, 6, 7, 10, 8, 11, 3}, true) == "unaffable, hello!");
  CHECK(t->decode(Ids{2, 8, 3}, false) == "[CLS] hello [SEP]");
  CHECK(t->decode(Ids{8, 999, -1, 9}, true) == "hello world");  // ids of no token are left out
  CHECK(t->decode(Ids{}, true).empty());
}

TEST_CASE("tokens have ids and ids have tokens") {
  const auto t = tiny();
  CHECK(t->vocab_size() == 29);
  CHECK(t->token(8) == "hello");
  CHECK(t->token_id("##able") == 7);
  CHECK_FALSE(t->token_id("nowhere"));
  CHECK(t->is_special(3));
  CHECK_FALSE(t->is_special(8));
  CHECK_THROWS_WITH_AS(t->token(29), "token: want the id of a token, from 0 to 28, got 29", Error);
  CHECK_THROWS_AS(t->token(-1), Error);
}

TEST_CASE("a text that is not UTF-8 is refused with the byte offset") {
  try {
    tiny()->tokenize("hello \xff");
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == Code::kTokenizer);
    CHECK(std::string(error.what()) == "tokenize: want UTF-8, got an invalid byte at 6");
  }
}

TEST_CASE("threads that share a tokenizer get the same tokens") {
  const auto t = tiny();
  const std::string text = "hello unaffable, café 中国 don't A a ab abb abbb world!";
  const Ids want = t->tokenize(text, true).ids;
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int& count : wrong)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        count += t->tokenize(text).ids != want;
        // Words that take each other's places in the cache.
        t->tokenize(cat("a", i % 97, " ab", i));
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}

// models.md section 9: published ids of bge-base-en, whose vocabulary bge-small-en shares.
TEST_CASE("bge's published ids") {
  const std::optional<std::string> folder = test::real_model("bge-small-en");
  if (!folder) {
    MESSAGE(test::why_skipped("bge-small-en"));
    return;
  }
  const auto t = Tokenizer::from_folder(*folder);
  CHECK(t->assemble(t->tokenize("embedding"), nullptr).ids == Ids{101, 7861, 8270, 4667, 102});
  CHECK(t->assemble(t->tokenize("I love machine learning and nlp"), nullptr).ids ==
        Ids{101, 1045, 2293, 3698, 4083, 1998, 17953, 2361, 102});
}

}  // namespace
}  // namespace winnow
