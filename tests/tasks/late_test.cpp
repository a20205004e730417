// One vector a token, and one weight a token.
#include <doctest/doctest.h>

#include <limits>

#include "tasks/embed.h"
#include "tasks/little_tokenizer.h"
#include "tasks/rerank.h"

using namespace winnow;

TEST_CASE("maxsim is the mean of each query vector's best match") {
  const TokenVectors query{2, {1, 0, 0, 1}}, document{2, {0.5f, 0.25f, 0, 0.75f, -1, 0}};
  CHECK(maxsim(query, document) == (0.5f + 0.75f) / 2);
  CHECK(maxsim({1, {2}}, {1, {-3, -1}}) == -2.0f);
  CHECK_THROWS_AS(maxsim(query, {3, {1, 2, 3}}), Error);
  CHECK_THROWS_AS(maxsim(query, {2, {}}), Error);
}

TEST_CASE("late interaction scores documents by their best window, the first token left out") {
  RerankRequest request;
  request.query = "a";
  request.documents = {"b", "", "c d e f"};
  request.long_documents = {.max_chunks = 3, .overlap = 0};
  const auto encoded = encode_late(request, LateForm{}, *test::little_tokenizer(), 4);
  REQUIRE(encoded.size() == 5);
  for (const Encoded& e : encoded) CHECK(e.sequence.outputs == Sequence::kMulti);
  CHECK(encoded[0].sequence.ids == std::vector<int32_t>{0, 3, 1});
  CHECK(encoded[3].sequence.ids == std::vector<int32_t>{0, 5, 6, 1});
  CHECK(encoded[4].sequence.ids == std::vector<int32_t>{0, 7, 8, 1});
  std::vector<std::vector<int32_t>> ids;
  for (const Encoded& e : encoded) ids.push_back(e.sequence.ids);
  const std::vector<Output> outputs = {
      {100, 1, 1}, {100, 0.5f, 0}, {}, {100, 0, 0, 0}, {100, 0.75f, 0, 0}};
  const RerankResponse response = decode_late(request, LateForm{}, encoded, {ids, outputs, 1});
  REQUIRE(response.results.size() == 3);
  CHECK(response.results[0].index == 2);
  CHECK(response.results[0].window == 1);
  CHECK(response.results[0].score == 0.75f);
  CHECK(response.results[1].score == 0.5f);
  CHECK(response.results[2].error);
}

TEST_CASE("an output is split into what was asked for; a token's sparse weight is its largest") {
  EmbedRequest request;
  request.inputs = {"a b a"};
  request.outputs = Sequence::kPooled | Sequence::kSparse | Sequence::kMulti | Sequence::kHidden;
  const auto tokenizer = test::little_tokenizer();
  const auto encoded = encode_embed(request, *tokenizer, 8);
  CHECK(encoded[0].sequence.outputs == request.outputs);
  const Output output = {3, 4,                                        // pooled
                         9, 0.5f, 0, 0.75f, 9,                        // [CLS] a b a [SEP]
                         1, 2,    3, 4,     5,                        // multi, one value a token
                         6, 7,    8, 9,     10, 11, 12, 13, 14, 15};  // hidden, two
  const auto got = decode_embeddings(request, {encoded[0].sequence.ids}, {output},
                                     {.pooled = 2, .multi = 1, .hidden = 2}, *tokenizer);
  CHECK(got[0].dense == std::vector<float>{0.6f, 0.8f});
  CHECK(got[0].sparse == std::vector<SparseWeight>{{3, 0.75f}});  // b says nothing
  CHECK(got[0].multi.values == std::vector<float>{2, 3, 4, 5});
  CHECK(got[0].hidden.count() == 5);
  CHECK(got[0].hidden.values.back() == 15);
  CHECK_THROWS_AS(decode_embeddings(request, {encoded[0].sequence.ids}, {{1, 2}},
                                    {.pooled = 2, .multi = 1, .hidden = 2}, *tokenizer),
                  Error);
  Output wrong = output;
  wrong[8] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_AS(decode_embeddings(request, {encoded[0].sequence.ids}, {wrong},
                                    {.pooled = 2, .multi = 1, .hidden = 2}, *tokenizer),
                  Error);
}

TEST_CASE("the lexical score is the product of shared tokens' weights") {
  CHECK(lexical_score({{1, 2}, {4, 0.5f}, {7, 1}}, {{0, 9}, {4, 3}, {7, 2}}) == 3.5f);
  CHECK(lexical_score({{1, 2}}, {}) == 0);
}

TEST_CASE("a prompt's tokens are known, with what begins the text and without what ends it") {
  EmbedRequest request;
  request.inputs = {"d", std::vector<int32_t>{4}};
  request.prompt = "a b ";
  auto encoded = encode_embed(request, *test::little_tokenizer(), 8);
  CHECK(encoded[0].sequence.prompt == 3);
  CHECK(encoded[1].sequence.prompt == 0);
  request.prompt = "";
  CHECK(encode_embed(request, *test::little_tokenizer(), 8)[0].sequence.prompt == 0);
}

TEST_CASE(
    "a ColBERT query is marked, cut and filled up; a document is marked and its signs skipped") {
  const auto tokenizer = test::little_tokenizer();
  ColbertSettings settings;
  settings.query_prefix = "e", settings.document_prefix = "f";  // any token may mark
  settings.query_length = 6, settings.document_length = 5;
  settings.skipped = {"b", "?"};
  const LateForm form = late_form(settings, *tokenizer);
  CHECK(form.expansion == 1);  // [SEP], as there is no [MASK]
  CHECK(form.skipped == std::vector<int32_t>{4});
  const auto encode = [&](const char* text, TextSide side, Truncation truncation = {}) {
    return encode_side(tokenizer->tokenize(text), side, form, *tokenizer, truncation, 100);
  };
  const Encoded query = encode("a", TextSide::kQuery);
  CHECK(query.sequence.ids == std::vector<int32_t>{0, 7, 3, 1, 1, 1});
  CHECK(query.sequence.keys == 4);
  CHECK(encode("a b c d", TextSide::kQuery).sequence.ids == std::vector<int32_t>{0, 7, 3, 4, 5, 1});
  CHECK(encode("a b c d", TextSide::kQuery).sequence.keys == 0);
  const Encoded document = encode("a b c", TextSide::kDocument);
  CHECK(document.sequence.ids == std::vector<int32_t>{0, 8, 3, 4, 1});
  const float values[] = {0, 1, 2, 3, 4};
  CHECK(vectors_of(values, document.sequence.ids, TextSide::kDocument, form, 1).values ==
        std::vector<float>{0, 1, 2, 4});
  CHECK(vectors_of(values, document.sequence.ids, TextSide::kQuery, form, 1).count() == 5);
  CHECK(encode("a b c", TextSide::kDocument, {.enabled = false}).error->code == Code::kTooLong);
  CHECK(late_room(form, TextSide::kDocument, *tokenizer, {}, 100) == 2);
  CHECK(late_room(form, TextSide::kDocument, *tokenizer, {.max_length = 4}, 100) == 1);
}

TEST_CASE("a ColBERT prefix that is no token is an error that names the file and the prefix") {
  ColbertSettings settings;
  settings.source = "artifact.metadata";
  CHECK_THROWS_WITH(
      late_form(settings, *test::little_tokenizer()),
      "artifact.metadata: want prefixes that are tokens of the tokenizer, got \"[Q] \"");
}
