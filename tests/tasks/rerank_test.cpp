#include "tasks/rerank.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tasks/little_tokenizer.h"

using namespace winnow;

namespace {

RerankRequest request_of(std::vector<std::string> documents) {
  RerankRequest request;
  request.query = "a b";
  request.documents = std::move(documents);
  return request;
}

Code code_of(const RerankRequest& request) {
  try {
    encode_rerank(request, *test::little_tokenizer(), 8);
  } catch (const Error& e) {
    return e.code();
  }
  return Code::kInternal;
}

}  // namespace

TEST_CASE("a pair is framed by the template, with its second text's type ids") {
  const auto encoded = encode_rerank(request_of({"c d"}), *test::little_tokenizer(), 8);
  CHECK(encoded[0].sequence.ids == std::vector<int32_t>{0, 3, 4, 1, 5, 6, 1});
  CHECK(encoded[0].sequence.type_ids == std::vector<int32_t>{0, 0, 0, 0, 1, 1, 1});
}

TEST_CASE("each bad document has its own error, and its neighbours none") {
  RerankRequest request = request_of({"c", "", "d\xff", "a b c d e f", "e"});
  request.truncation.enabled = false;
  const auto encoded = encode_rerank(request, *test::little_tokenizer(), 8);
  CHECK(!encoded[0].error);
  CHECK(encoded[1].error->code == Code::kEmpty);
  CHECK(encoded[2].error->code == Code::kTokenizer);
  CHECK(encoded[2].error->message == "the text is not UTF-8: byte 1");
  CHECK(encoded[3].error->code == Code::kTooLong);
  CHECK(encoded[3].error->message == "want at most 8 tokens, got 11: truncation is off");
  CHECK(!encoded[4].error);
}

TEST_CASE("what is too long is cut, on the side and to the length asked for") {
  RerankRequest request = request_of({"c d e f"});
  const auto tokenizer = test::little_tokenizer();
  CHECK(encode_rerank(request, *tokenizer, 8)[0].sequence.ids ==
        std::vector<int32_t>{0, 3, 4, 1, 5, 6, 7, 1});
  request.truncation.side = TruncationSide::kLeft;
  CHECK(encode_rerank(request, *tokenizer, 8)[0].sequence.ids ==
        std::vector<int32_t>{0, 3, 4, 1, 6, 7, 8, 1});
  request.truncation.max_length = 5;
  CHECK(encode_rerank(request, *tokenizer, 8)[0].sequence.ids.size() == 5);
  request.truncation.max_length = 100;  // the model's own limit stands
  CHECK(encode_rerank(request, *tokenizer, 8)[0].sequence.ids.size() == 8);
}

TEST_CASE("a bad query fails the request") {
  RerankRequest request = request_of({"c"});
  request.query = "";
  CHECK(code_of(request) == Code::kEmpty);
  request.query = "\xc0";
  CHECK(code_of(request) == Code::kTokenizer);
}

TEST_CASE("results are sorted by logit, ties by index, refused documents last") {
  RerankRequest request = request_of({"a", "", "b", "c", "d"});
  const auto encoded = encode_rerank(request, *test::little_tokenizer(), 8);
  // Sigmoids of 90 and 100 are both 1: the order is still the logits'.
  const RerankResponse response = decode_rerank(request, encoded, {{90}, {}, {-2}, {100}, {-2}});
  std::vector<int> order;
  for (const RerankResult& r : response.results) order.push_back(r.index);
  CHECK(order == std::vector<int>{3, 0, 2, 4, 1});
  CHECK(response.results[0].score == 1.0f);
  CHECK(response.results[2].score == doctest::Approx(1 / (1 + std::exp(2.0))));
  CHECK(response.results[4].error->code == Code::kEmpty);
}

TEST_CASE("top_n keeps the best, and every refusal; raw scores are the logits") {
  RerankRequest request = request_of({"a", "", "b", "c"});
  request.top_n = 2;
  request.raw_scores = true;
  const auto encoded = encode_rerank(request, *test::little_tokenizer(), 8);
  const RerankResponse response = decode_rerank(request, encoded, {{1.5f}, {}, {-2}, {3}});
  REQUIRE(response.results.size() == 3);
  CHECK(response.results[0].score == 3.0f);
  CHECK(response.results[1].score == 1.5f);
  CHECK(response.results[2].error);
}

TEST_CASE("a score that is not finite is an error, never a rank") {
  const RerankRequest request = request_of({"a"});
  const auto encoded = encode_rerank(request, *test::little_tokenizer(), 8);
  CHECK_THROWS_AS(decode_rerank(request, encoded, {{std::numeric_limits<float>::quiet_NaN()}}),
                  Error);
}
