// Numbers that a model's makers published, for who has its weights: WINNOW_WEIGHTS is a folder of
// model folders named as on the hub, with their owner or without. fp16 results are compared within
// 2e-2.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "engine/engine.h"

using namespace winnow;

namespace {

std::unique_ptr<Engine> published(const std::string& name) {
  if (const char* root = std::getenv("WINNOW_WEIGHTS"))
    for (const std::string& place : {name, name.substr(name.find('/') + 1)}) {
      EngineOptions options;
      options.folder = std::string(root) + "/" + place;
      if (std::filesystem::is_directory(options.folder)) return Engine::load(options);
    }
  MESSAGE("skipped: ", name, " is not in WINNOW_WEIGHTS");
  return nullptr;
}

float logit(Engine& engine, const std::string& query, const std::string& document) {
  RerankRequest request;
  request.query = query;
  request.documents = {document};
  request.raw_scores = true;
  return engine.rerank(request).results.at(0).score;
}

const std::string kPanda =
    "The giant panda (Ailuropoda melanoleuca), sometimes called a panda bear or simply panda, is a "
    "bear species endemic to China.";

}  // namespace

TEST_CASE("bge-reranker-large gives its published logits") {
  const auto engine = published("BAAI/bge-reranker-large");
  if (!engine) return;
  const std::string panda = "what is panda?";
  CHECK(std::abs(logit(*engine, "query", "passage") + 1.5263671875) < 2e-2);
  CHECK(std::abs(logit(*engine, panda, "hi") + 5.60546875) < 2e-2);
  // Published from a run in fp32.
  CHECK(std::abs(logit(*engine, panda, kPanda) - 5.76226806640625) < 5e-4);
  CHECK(std::abs(logit(*engine, panda, "Today is a sunny day") + 9.474676132202148) < 5e-4);
}

TEST_CASE("bge-reranker-v2-m3 gives its published logits") {
  const auto engine = published("BAAI/bge-reranker-v2-m3");
  if (!engine) return;
  CHECK(std::abs(logit(*engine, "query", "passage") + 5.65234375) < 2e-2);
  CHECK(std::abs(logit(*engine, "what is panda?", "hi") + 8.1875) < 2e-2);
  CHECK(std::abs(logit(*engine, "what is panda?", kPanda) - 5.26171875) < 2e-2);
}

TEST_CASE("bge-m3 gives its published dense, sparse and multi-vector scores") {
  const auto engine = published("BAAI/bge-m3");
  if (!engine) return;
  EmbedRequest request;
  request.inputs = {std::string("What is BGE M3?"), std::string("Defination of BM25"),
                    std::string("BGE M3 is an embedding model supporting dense retrieval, lexical "
                                "matching and multi-vector interaction."),
                    std::string("BM25 is a bag-of-words retrieval function that ranks a set of "
                                "documents based on the query terms appearing in each document")};
  request.outputs = Sequence::kPooled | Sequence::kSparse | Sequence::kMulti;
  const std::vector<Embedding> e = engine->embed_outputs(request);
  const double dense[2][2] = {{0.6259035, 0.34749585}, {0.349868, 0.6782462}};
  for (int q = 0; q < 2; ++q)
    for (int d = 0; d < 2; ++d)
      CHECK(std::abs(cosine(e[q].dense, e[2 + d].dense) - dense[q][d]) < 2e-3);
  CHECK(std::abs(lexical_score(e[0].sparse, e[2].sparse) - 0.19554448500275612) < 2e-3);
  CHECK(std::abs(lexical_score(e[0].sparse, e[3].sparse) - 0.00880391988903284) < 2e-3);
  CHECK(e[0].multi.count() == 8);
  CHECK(e[2].multi.count() == 30);
  CHECK(std::abs(maxsim(e[0].multi, e[2].multi) - 0.7796662449836731) < 2e-3);
  CHECK(std::abs(maxsim(e[0].multi, e[3].multi) - 0.4621177911758423) < 2e-3);
}

TEST_CASE("bge-base-en-v1.5 gives its published cosines") {
  const auto engine = published("BAAI/bge-base-en-v1.5");
  if (!engine) return;
  EmbedRequest request;
  request.inputs = {std::string("embedding"), std::string("I love machine learning and nlp")};
  const auto vectors = engine->embed(request);
  CHECK(std::abs(cosine(vectors[0], vectors[1]) - 0.6077381) < 1e-5);
  CHECK(std::abs(vectors[0][0] - 0.014549762) < 1e-5);
  CHECK(std::abs(vectors[1][767] + 0.020371782) < 1e-5);
}
