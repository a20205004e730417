#include "tasks/classify.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tasks/little_tokenizer.h"

using namespace winnow;

TEST_CASE("a single text and a pair are framed by their own templates") {
  ClassifyRequest request;
  request.inputs = {{"a", std::nullopt}, {"a", "b"}};
  const auto encoded = encode_classify(request, *test::little_tokenizer(), 8);
  CHECK(encoded[0].sequence.ids == std::vector<int32_t>{0, 3, 1});
  CHECK(encoded[1].sequence.ids == std::vector<int32_t>{0, 3, 1, 4, 1});
}

TEST_CASE("several labels give a softmax in descending order, one a sigmoid, raw the logits") {
  ClassifyRequest request;
  request.inputs = {{"a", std::nullopt}};
  const auto several = decode_classify(request, {{1, 3, 1000}})[0];
  CHECK(several[0].label == 2);
  CHECK(several[0].score == 1.0f);
  CHECK(several[1].label == 1);
  CHECK(decode_classify(request, {{0, 1}})[0][0].score ==
        doctest::Approx(std::exp(1.0) / (1 + std::exp(1.0))));
  CHECK(decode_classify(request, {{2}})[0][0].score == doctest::Approx(1 / (1 + std::exp(-2.0))));
  request.raw_scores = true;
  CHECK(decode_classify(request, {{1, 3, 2}})[0][0].score == 3.0f);
}
