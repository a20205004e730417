#include "app/natural_mix.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "real_models.h"

using namespace winnow;

namespace {

std::shared_ptr<const Tokenizer> tiny() {
  return Tokenizer::from_folder(WINNOW_TEST_DATA "/tiny-bert-reranker");
}

int tokens_of(const Tokenizer& tokenizer, const std::string& text) {
  return static_cast<int>(tokenizer.tokenize(text).ids.size());
}

}  // namespace

TEST_CASE("an ordinary word is one token of its own inside a text") {
  const auto tokenizer = tiny();
  const OrdinaryWords words = ordinary_words(*tokenizer);
  REQUIRE(!words.english.empty());
  for (const std::string& word : words.english) {
    CAPTURE(word);
    const TokenSpan ids = tokenizer->tokenize("a " + word);
    CHECK(ids.ids.size() == 2);
    CHECK(tokenizer->token(ids.ids[1]) == word);
  }
}

TEST_CASE("a text has the tokens that it was asked for, give or take a few") {
  const auto tokenizer = tiny();
  NaturalMix mix(*tokenizer);
  for (const int want : {1, 2, 17, 30, 128, 509}) {
    CAPTURE(want);
    const std::string text = mix.text(want);
    CHECK(!invalid_utf8_at(text));
    CHECK(tokens_of(*tokenizer, text) >= want * 9 / 10);
    CHECK(tokens_of(*tokenizer, text) <= want + 3);
  }
}

TEST_CASE("the mix is the same for the same seed and another for another") {
  const auto tokenizer = tiny();
  NaturalMix a(*tokenizer, 7), b(*tokenizer, 7), c(*tokenizer, 8);
  const std::string text = a.text(64);
  CHECK(text == b.text(64));
  CHECK(text != c.text(64));
  CHECK(text != a.text(64));
}

TEST_CASE("lengths are natural: within bounds, half of them below 180, mean about 210") {
  const auto tokenizer = tiny();
  NaturalMix mix(*tokenizer);
  int below = 0;
  double sum = 0;
  constexpr int kCount = 4000;
  for (int i = 0; i < kCount; ++i) {
    const int length = mix.length(512);
    CHECK(length >= 30);
    CHECK(length <= 512);
    below += length < 180 ? 1 : 0;
    sum += length;
  }
  CHECK(std::abs(below / double{kCount} - 0.5) < 0.03);
  CHECK(std::abs(sum / kCount - 208) < 8);
  CHECK(mix.length(20) == 20);  // a model that takes no more
}

TEST_CASE("a pair is a short query and a document, together as long as asked") {
  const auto tokenizer = tiny();
  NaturalMix mix(*tokenizer);
  for (const int want : {40, 200, 512}) {
    CAPTURE(want);
    const TextPair pair = mix.pair(want);
    const int query = tokens_of(*tokenizer, pair.query);
    CHECK(query >= 5);
    CHECK(query <= 27);
    const int all = query + tokens_of(*tokenizer, pair.document) + 3;
    CHECK(all >= want * 9 / 10);
    CHECK(all <= want + 5);
  }
}

TEST_CASE(
    "a real vocabulary gives thousands of English words, and Chinese texts where it has any") {
  const auto folder = test::real_model("ms-marco-minilm-l12");
  if (!folder) {
    MESSAGE(test::why_skipped("ms-marco-minilm-l12"));
    return;
  }
  const auto tokenizer = Tokenizer::from_folder(*folder);
  const OrdinaryWords words = ordinary_words(*tokenizer);
  CHECK(words.english.size() == OrdinaryWords::kMostWords);
  CHECK(std::set<std::string>(words.english.begin(), words.english.end()).size() ==
        words.english.size());
  REQUIRE(!words.chinese.empty());
  NaturalMix mix(*tokenizer);
  int chinese = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string text = mix.text(40);
    CHECK(!invalid_utf8_at(text));
    const bool is = static_cast<uint8_t>(text[0]) >= 0xE4;
    chinese += is ? 1 : 0;
    CHECK(std::abs(tokens_of(*tokenizer, text) - 40) <= 4);
  }
  CHECK(chinese > 25);  // one in four
  CHECK(chinese < 80);
}
