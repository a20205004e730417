#include "engine/engine.h"

#include <doctest/doctest.h>

#include <algorithm>

using namespace winnow;

namespace {

std::unique_ptr<Engine> load(const std::string& name) {
  EngineOptions options;
  options.folder = WINNOW_TEST_DATA "/" + name;
  options.device = "cpu";
  options.threads = 1;
  return Engine::load(options);
}

}  // namespace

TEST_CASE("what encode makes of a request gives its scores when it is run") {
  const auto engine = load("tiny-bert-reranker");
  RerankRequest request;
  request.query = "what do bees eat";
  request.documents = {"nectar and pollen", "a town in france", "the bees fly"};
  request.raw_scores = true;
  std::vector<Sequence> sequences = engine->encode(request);
  REQUIRE(sequences.size() == 3);
  const std::vector<Output> outputs = engine->run(std::move(sequences));
  for (const RerankResult& result : engine->rerank(request).results)
    CHECK(outputs[result.index] == Output{result.score});
}

TEST_CASE("encode leaves out what the verb refuses") {
  const auto engine = load("tiny-bert-reranker");
  RerankRequest request;
  request.query = "what do bees eat";
  request.documents = {"nectar", "", "pollen"};
  CHECK(engine->encode(request).size() == 2);
}

TEST_CASE("run refuses ids and lengths that the model has not, by the limit") {
  const auto engine = load("tiny-bert-reranker");
  const auto refuses = [&](Sequence sequence, const char* says) {
    try {
      engine->run({std::move(sequence)});
      FAIL("it ran");
    } catch (const Error& e) {
      CHECK(e.code() == Code::kInvalidArgument);
      CHECK(std::string(e.what()).find(says) != std::string::npos);
    }
  };
  const auto vocabulary = static_cast<int32_t>(engine->info().vocabulary);
  refuses({.ids = {1, vocabulary}, .type_ids = {0, 0}}, "want ids below");
  refuses({.ids = {1, -1}, .type_ids = {0, 0}}, "want ids below");
  refuses({.ids = {1, 2}, .type_ids = {0, 9}}, "type ids below");
  refuses({.ids = {1, 2}, .type_ids = {0}}, "as many type ids");
  refuses({.ids = {}, .type_ids = {}}, "want 1 to");
  const auto longer = static_cast<size_t>(engine->info().max_length) + 1;
  refuses({.ids = std::vector<int32_t>(longer, 1), .type_ids = std::vector<int32_t>(longer, 0)},
          "want 1 to");
}

TEST_CASE("the CPU tells its own rate of multiply-adds") {
  CHECK(load("tiny-bert-reranker")->matrix_flops() > 1e8);
}
