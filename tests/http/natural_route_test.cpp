#include "http/natural_route.h"

#include <doctest/doctest.h>

#include "http/body.h"

namespace winnow {
namespace {

TEST_CASE("the natural route follows the body's shape, then the model's kind") {
  const auto route = [](std::string_view body, ModelKind kind) {
    return natural_route(parse_body(body), kind);
  };
  const std::string_view ranking = R"({"query":"q","texts":[]})";
  const std::string_view sentences = R"({"inputs":{"source_sentence":"s","sentences":[]}})";
  for (const ModelKind kind :
       {ModelKind::kReranker, ModelKind::kClassifier, ModelKind::kEmbedder}) {
    CHECK(route(ranking, kind) == NaturalRoute::kRerank);
    CHECK(route(sentences, kind) == NaturalRoute::kSimilarity);
  }
  CHECK(route(R"({"inputs":"a"})", ModelKind::kEmbedder) == NaturalRoute::kEmbed);
  CHECK(route(R"({"inputs":"a"})", ModelKind::kClassifier) == NaturalRoute::kPredict);
  CHECK(route(R"({"inputs":"a"})", ModelKind::kReranker) == NaturalRoute::kPredict);
  CHECK(route("{}", ModelKind::kReranker) == NaturalRoute::kRerank);
}

}  // namespace
}  // namespace winnow
