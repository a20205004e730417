#include "tasks/embed.h"

#include <doctest/doctest.h>

#include "tasks/little_tokenizer.h"

using namespace winnow;

TEST_CASE("texts and ids are framed alike, and a prompt stands before texts only") {
  EmbedRequest request;
  request.inputs = {"b c", std::vector<int32_t>{4, 5}};
  request.prompt = "a ";
  const auto encoded = encode_embed(request, *test::little_tokenizer(), 8);
  CHECK(encoded[0].sequence.ids == std::vector<int32_t>{0, 3, 4, 5, 1});
  CHECK(encoded[1].sequence.ids == std::vector<int32_t>{0, 4, 5, 1});
}

TEST_CASE("ids outside the vocabulary are refused, empty inputs are named") {
  EmbedRequest request;
  request.inputs = {std::vector<int32_t>{9}};
  CHECK_THROWS_WITH(encode_embed(request, *test::little_tokenizer(), 8),
                    "embed: want token ids below 9, got 9");
  request.inputs = {"a", ""};
  CHECK_THROWS_WITH(require_all(encode_embed(request, *test::little_tokenizer(), 8)),
                    "input 1: the text is empty");
}

TEST_CASE("vectors are cut, then brought to unit length") {
  EmbedRequest request;
  request.dimensions = 2;
  const auto vectors = decode_embed(request, {{3, 4, 100}, {0, 0, 1}});
  CHECK(vectors[0] == std::vector<float>{0.6f, 0.8f});
  CHECK(vectors[1] == std::vector<float>{0, 0});
  request.normalize = false;
  CHECK(decode_embed(request, {{3, 4, 100}})[0] == std::vector<float>{3, 4});
  request.dimensions = 4;
  CHECK_THROWS_WITH(decode_embed(request, {{3, 4, 100}}),
                    "embed: want dimensions from 1 to 3, got 4");
}

TEST_CASE("cosine is that of the angle, 0 for a zero vector") {
  CHECK(cosine({1, 0}, {1, 1}) == doctest::Approx(0.70710678));
  CHECK(cosine({2, 0}, {-5, 0}) == -1.0f);
  CHECK(cosine({0, 0}, {1, 1}) == 0.0f);
  CHECK_THROWS_AS(cosine({1}, {1, 2}), Error);
}
