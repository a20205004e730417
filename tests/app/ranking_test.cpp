#include "app/ranking.h"

#include <doctest/doctest.h>

using namespace winnow;

namespace {

RerankResult scored(int index, float score) {
  return {.index = index, .score = score, .error = std::nullopt};
}

}  // namespace

TEST_CASE("parts of a ranking merge by descending score, ties by index") {
  const RankingAnswer answer =
      merge_ranking({scored(3, 0.5f), scored(0, 0.1f), scored(1, 0.5f), scored(2, 0.9f)}, 0);
  REQUIRE(answer.results.size() == 4);
  CHECK(answer.results[0].index == 2);
  CHECK(answer.results[1].index == 1);
  CHECK(answer.results[2].index == 3);
  CHECK(answer.results[3].index == 0);
  CHECK(answer.refused.empty());
}

TEST_CASE("refused documents have no rank, and top_n cuts the ranked ones alone") {
  RerankResult bad{.index = 1, .score = 99.0f, .error = InputError{Code::kEmpty, "empty"}};
  const RankingAnswer answer = merge_ranking({scored(0, 0.2f), bad, scored(2, 0.3f)}, 1);
  REQUIRE(answer.results.size() == 1);
  CHECK(answer.results[0].index == 2);
  REQUIRE(answer.refused.size() == 1);
  CHECK(answer.refused[0].index == 1);
}
