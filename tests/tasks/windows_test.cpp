#include "tasks/windows.h"

#include <doctest/doctest.h>

#include <random>

#include "tasks/little_tokenizer.h"
#include "tasks/rerank.h"

using namespace winnow;

namespace {

constexpr TruncationSide kRight = TruncationSide::kRight, kLeft = TruncationSide::kLeft;

RerankRequest request_of(const std::string& document, LongDocuments how) {
  RerankRequest request;
  request.query = "a b";
  request.documents = {document};
  request.long_documents = how;
  return request;
}

std::vector<std::vector<int32_t>> ids_of(const RerankRequest& request, int limit) {
  std::vector<std::vector<int32_t>> out;
  for (const Encoded& e : encode_rerank(request, *test::little_tokenizer(), limit))
    out.push_back(e.sequence.ids);
  return out;
}

}  // namespace

TEST_CASE("windows overlap, cover the text and end with it") {
  using W = std::vector<Window>;
  CHECK(windows(5, 5, {.max_chunks = 9, .overlap = 2}, kRight) == W{{0, 5}});
  CHECK(windows(10, 4, {.max_chunks = 9, .overlap = 1}, kRight) == W{{0, 4}, {3, 7}, {6, 10}});
  CHECK(windows(9, 4, {.max_chunks = 9, .overlap = 1}, kRight) == W{{0, 4}, {3, 7}, {5, 9}});
  CHECK(windows(10, 4, {.max_chunks = 2, .overlap = 1}, kRight) == W{{0, 4}, {3, 7}});
  CHECK(windows(10, 4, {.max_chunks = 2, .overlap = 1}, kLeft) == W{{3, 7}, {6, 10}});
  CHECK(windows(10, 4, {.max_chunks = 1, .overlap = 1}, kRight) == W{{0, 4}});
  // An overlap that leaves no way forward is half a window.
  CHECK(windows(6, 4, {.max_chunks = 9, .overlap = 100}, kRight) == W{{0, 4}, {2, 6}});
  CHECK(windows(3, 1, {.max_chunks = 9, .overlap = 1}, kRight) == W{{0, 1}, {1, 2}, {2, 3}});
}

TEST_CASE(
    "whatever is asked for, windows are as long as there is room, in order and without gaps") {
  std::mt19937 random(3);
  for (int round = 0; round < 5000; ++round) {
    const int length = 1 + random() % 300, room = 1 + random() % 60;
    const LongDocuments how{.max_chunks = static_cast<int>(random() % 12),
                            .overlap = static_cast<int>(random() % 80)};
    const TruncationSide side = random() % 2 ? kLeft : kRight;
    const std::vector<Window> got = windows(length, room, how, side);
    REQUIRE(static_cast<int>(got.size()) <= std::max(how.max_chunks, 1));
    REQUIRE(got.front().begin >= 0);
    REQUIRE(got.back().end <= length);
    REQUIRE((side == kRight ? got.front().begin == 0 : got.back().end == length));
    for (size_t i = 0; i < got.size(); ++i) {
      REQUIRE(got[i].end - got[i].begin == std::min(room, length));
      if (i == 0) continue;
      REQUIRE(got[i].begin > got[i - 1].begin);
      REQUIRE(got[i].begin <= got[i - 1].end);
    }
    if (static_cast<int>(got.size()) < how.max_chunks) {  // nothing had to be left out
      REQUIRE(got.front().begin == 0);
      REQUIRE(got.back().end == length);
    }
  }
}

TEST_CASE("a document that fits is the same sequence whatever is said of windows") {
  std::mt19937 random(5);
  for (int round = 0; round < 500; ++round) {
    std::string document = "c";
    for (int i = random() % 8; i > 0; --i) document += " d";
    const LongDocuments how{.max_chunks = static_cast<int>(random() % 12),
                            .overlap = static_cast<int>(random() % 80)};
    REQUIRE(ids_of(request_of(document, how), 14) == ids_of(request_of(document, {}), 14));
  }
}

TEST_CASE("a long document is its windows, each with the whole query; the best one counts") {
  const RerankRequest request = request_of("c d e f", {.max_chunks = 10, .overlap = 1});
  const auto encoded = encode_rerank(request, *test::little_tokenizer(), 7);
  REQUIRE(encoded.size() == 3);
  CHECK(encoded[0].sequence.ids == std::vector<int32_t>{0, 3, 4, 1, 5, 6, 1});
  CHECK(encoded[1].sequence.ids == std::vector<int32_t>{0, 3, 4, 1, 6, 7, 1});
  CHECK(encoded[2].sequence.ids == std::vector<int32_t>{0, 3, 4, 1, 7, 8, 1});
  const RerankResponse response = decode_rerank(request, encoded, {{-3}, {2}, {1}});
  REQUIRE(response.results.size() == 1);
  CHECK(response.results[0].score == sigmoid(2));
  CHECK(response.results[0].window == 1);
}

TEST_CASE("neighbours of a long document keep their places, refused ones too") {
  RerankRequest request = request_of("c d e f", {.max_chunks = 10, .overlap = 1});
  request.documents = {"a", "c d e f", "", "b"};
  request.raw_scores = true;
  const auto encoded = encode_rerank(request, *test::little_tokenizer(), 7);
  REQUIRE(encoded.size() == 6);
  const RerankResponse response = decode_rerank(request, encoded, {{1}, {-3}, {-1}, {4}, {}, {2}});
  std::vector<int> order;
  for (const RerankResult& r : response.results) order.push_back(r.index);
  CHECK(order == std::vector<int>{1, 3, 0, 2});
  CHECK(response.results[0].score == 4);
  CHECK(response.results[3].error->code == Code::kEmpty);
}

TEST_CASE("a query that leaves no room keeps three quarters of it where windows are wanted") {
  RerankRequest request = request_of("c d e f", {.max_chunks = 10, .overlap = 0});
  request.query = "a b a b a b a b";
  for (const auto& ids : ids_of(request, 11)) {  // 8 without the special tokens: 6 and 2
    CHECK(ids.size() == 11);
    CHECK(std::vector<int32_t>(ids.begin() + 1, ids.begin() + 7) ==
          std::vector<int32_t>{3, 4, 3, 4, 3, 4});
  }
  CHECK(ids_of(request, 11).size() == 2);
}

TEST_CASE("query and document have caps of their own, on the side that is kept") {
  RerankRequest request = request_of("c d e f", {.max_query_tokens = 1, .max_document_tokens = 2});
  CHECK(ids_of(request, 20)[0] == std::vector<int32_t>{0, 3, 1, 5, 6, 1});
  request.truncation.side = kLeft;
  CHECK(ids_of(request, 20)[0] == std::vector<int32_t>{0, 4, 1, 7, 8, 1});
}

TEST_CASE("with truncation off windows serve what they hold whole, and refuse what they do not") {
  RerankRequest request = request_of("c d e f", {.max_chunks = 2, .overlap = 0});
  request.truncation.enabled = false;
  CHECK(encode_rerank(request, *test::little_tokenizer(), 7).size() == 2);
  request.documents = {"c d e f a"};
  const auto encoded = encode_rerank(request, *test::little_tokenizer(), 7);
  REQUIRE(encoded.size() == 1);
  CHECK(encoded[0].error->code == Code::kTooLong);
}
