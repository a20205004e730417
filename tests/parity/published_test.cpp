// Numbers that a model's makers published, for who has its weights: WINNOW_WEIGHTS is a folder of
// model folders named as on the hub, with their owner or without. fp16 results are compared within
// 2e-2.
#include <doctest/doctest.h>

#include <algorithm>
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
  CHECK(std::abs(logit(*engine, panda,
                       "The tiger (Panthera tigris) is a member of the genus Panthera and the "
                       "largest living cat species native to Asia.") +
                 2.823843240737915) < 5e-4);
  const std::string capital = "What is the capital of France?",
                    people = "What is the population of China?",
                    paris = "Paris is the capital of France.",
                    china = "The population of China is over 1.4 billion people.";
  CHECK(std::abs(logit(*engine, capital, paris) - 7.984375) < 2e-2);
  CHECK(std::abs(logit(*engine, capital, china) + 6.84375) < 2e-2);
  CHECK(std::abs(logit(*engine, people, paris) + 7.15234375) < 2e-2);
  CHECK(std::abs(logit(*engine, people, china) - 5.44921875) < 2e-2);
}

TEST_CASE("re2g-reranker-nq gives its published logits of two labels") {
  const auto engine = published("ibm-research/re2g-reranker-nq");
  if (!engine) return;
  ClassifyRequest request;
  request.inputs = {{"PrimeTime is a timing signoff tool",
                     "PrimeTime can perform most accurate timing analysis"}};
  request.raw_scores = true;
  std::vector<float> scores;
  for (const LabelScore& s : engine->classify(request)[0]) scores.push_back(s.score);
  std::ranges::sort(scores);
  REQUIRE(scores.size() == 2);
  CHECK(std::abs(scores[0] + 2.9722357) < 5e-4);
  CHECK(std::abs(scores[1] - 2.8580017) < 5e-4);
}

TEST_CASE("bge-reranker-v2-m3 gives its published logits") {
  const auto engine = published("BAAI/bge-reranker-v2-m3");
  if (!engine) return;
  CHECK(std::abs(logit(*engine, "query", "passage") + 5.65234375) < 2e-2);
  CHECK(std::abs(logit(*engine, "what is panda?", "hi") + 8.1875) < 2e-2);
  CHECK(std::abs(logit(*engine, "what is panda?", kPanda) - 5.26171875) < 2e-2);
}

// Long because three heads of one model are compared.
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
  for (const auto& [at, value] : {std::pair{0, -0.03412},
                                  {1, -0.04706},
                                  {2, -0.00087},
                                  {1021, 0.04822},
                                  {1022, 0.007614},
                                  {1023, -0.02957}})
    CHECK(std::abs(e[0].dense[at] - value) < 1e-3);
  // Which ids there are verifies the tokenizer.
  const std::vector<std::vector<std::pair<int32_t, double>>> sparse = {{{32, 0.0408},
                                                                        {83, 0.0814},
                                                                        {276, 0.1700},
                                                                        {335, 0.1296},
                                                                        {363, 0.2696},
                                                                        {4865, 0.0836},
                                                                        {11679, 0.2519}},
                                                                       {{111, 0.0634},
                                                                        {262, 0.0501},
                                                                        {2320, 0.0451},
                                                                        {2588, 0.3335},
                                                                        {5983, 0.1369},
                                                                        {90017, 0.2517}}};
  for (int q = 0; q < 2; ++q) {
    REQUIRE(e[q].sparse.size() == sparse[q].size());
    for (size_t i = 0; i < sparse[q].size(); ++i) {
      CHECK(e[q].sparse[i].id == sparse[q][i].first);
      CHECK(std::abs(e[q].sparse[i].weight - sparse[q][i].second) < 2e-3);
    }
  }
  // The weighted sums that FlagEmbedding's compute_score gives, weights 0.4, 0.2, 0.4.
  const double both[2][2] = {{0.4825, 0.23454}, {0.23324, 0.51225}},
               all[2][2] = {{0.60136, 0.32558}, {0.32089, 0.62329}};
  for (int q = 0; q < 2; ++q)
    for (int d = 0; d < 2; ++d) {
      const double a = cosine(e[q].dense, e[2 + d].dense),
                   b = lexical_score(e[q].sparse, e[2 + d].sparse),
                   c = maxsim(e[q].multi, e[2 + d].multi);
      CHECK(std::abs((0.4 * a + 0.2 * b) / 0.6 - both[q][d]) < 3e-3);
      CHECK(std::abs(0.4 * a + 0.2 * b + 0.4 * c - all[q][d]) < 3e-3);
    }
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
  for (const auto& [at, value] : {std::pair{1, -0.0096840411},
                                  {2, 0.0037761475},
                                  {765, -0.00085092714},
                                  {766, 0.028417887},
                                  {767, 0.063214332}})
    CHECK(std::abs(vectors[0][at] - value) < 1e-5);
  for (const auto& [at, value] : {std::pair{0, 3.3924331e-05},
                                  {1, -0.0032998275},
                                  {2, 0.017206438},
                                  {765, 0.0035703944},
                                  {766, 0.018721525}})
    CHECK(std::abs(vectors[1][at] - value) < 1e-5);
  CHECK(engine->tokenizer().assemble(engine->tokenizer().tokenize("embedding"), nullptr).ids ==
        std::vector<int32_t>{101, 7861, 8270, 4667, 102});
  CHECK(engine->tokenizer()
            .assemble(engine->tokenizer().tokenize("I love machine learning and nlp"), nullptr)
            .ids == std::vector<int32_t>{101, 1045, 2293, 3698, 4083, 1998, 17953, 2361, 102});
}

TEST_CASE("bge-base-en-v1.5 with its instruction gives the published products of two and two") {
  const auto engine = published("BAAI/bge-base-en-v1.5");
  if (!engine) return;
  EmbedRequest queries, passages;
  queries.inputs = {std::string("query 1"), std::string("query 2")};
  queries.prompt = "Represent this sentence for searching relevant passages:";
  passages.inputs = {std::string("passage 1"), std::string("passage 2")};
  const auto q = engine->embed(queries), p = engine->embed(passages);
  const double products[2][2] = {{0.76, 0.6714}, {0.6177, 0.7603}};
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) CHECK(std::abs(cosine(q[i], p[j]) - products[i][j]) < 2e-2);
}

TEST_CASE("bge-base-en-v1.5 ranks ten sentences about people as published") {
  const auto engine = published("BAAI/bge-base-en-v1.5");
  if (!engine) return;
  const std::vector<std::pair<std::string, double>> sentences = {
      {"Michael Jackson was a legendary pop icon known for his record-breaking music and dance "
       "innovations.",
       0.39290053},
      {"Fei-Fei Li is a professor in Stanford University, revolutionized computer vision with the "
       "ImageNet project.",
       0.6031525},
      {"Brad Pitt is a versatile actor and producer known for his roles in films like 'Fight Club' "
       "and 'Once Upon a Time in Hollywood.'",
       0.32672375},
      {"Geoffrey Hinton, as a foundational figure in AI, received Turing Award for his "
       "contribution in deep learning.",
       0.6082418},
      {"Eminem is a renowned rapper and one of the best-selling music artists of all time.",
       0.39446455},
      {"Taylor Swift is a Grammy-winning singer-songwriter known for her narrative-driven music.",
       0.35350388},
      {"Sam Altman leads OpenAI as its CEO, with astonishing works of GPT series and pursuing "
       "safe and beneficial AI.",
       0.4626108},
      {"Morgan Freeman is an acclaimed actor famous for his distinctive voice and diverse roles.",
       0.40196604},
      {"Andrew Ng spread AI knowledge globally via public courses on Coursera and Stanford "
       "University.",
       0.5284606},
      {"Robert Downey Jr. is an iconic actor best known for playing Iron Man in the Marvel "
       "Cinematic Universe.",
       0.36792332}};
  EmbedRequest request;
  request.inputs = {std::string("Who could be an expert of neural network?")};
  for (const auto& [text, product] : sentences) request.inputs.emplace_back(text);
  const auto vectors = engine->embed(request);
  const double first[] = {-0.00790005, -0.00683443, -0.00806659, 0.00756918,  0.04374858,
                          0.02838556,  0.02357143,  -0.02270943, -0.03611493, -0.03038301};
  for (size_t i = 0; i < std::size(first); ++i) CHECK(std::abs(vectors[0][i] - first[i]) < 1e-3);
  for (size_t i = 0; i < sentences.size(); ++i)
    CHECK(std::abs(cosine(vectors[0], vectors[i + 1]) - sentences[i].second) < 2e-3);
}

TEST_CASE("Qwen3-Embedding-0.6B gives its published scores") {
  const auto engine = published("Qwen/Qwen3-Embedding-0.6B");
  if (!engine) return;
  EmbedRequest queries, documents, raw;
  queries.inputs = {std::string("What is the capital of China?"), std::string("Explain gravity")};
  queries.prompt =
      "Instruct: Given a web search query, retrieve relevant passages that answer the query\n"
      "Query:";
  documents.inputs = {
      std::string("The capital of China is Beijing."),
      std::string("Gravity is a force that attracts two bodies towards each other. It gives weight "
                  "to physical objects and is responsible for the movement of planets around the "
                  "sun.")};
  const auto q = engine->embed(queries), d = engine->embed(documents);
  const double scores[2][2] = {{0.7645568, 0.1414251}, {0.1354974, 0.5999550}};
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 2; ++j) CHECK(std::abs(cosine(q[i], d[j]) - scores[i][j]) < 5e-3);
  // In fp32, with nothing before the text, not normalised.
  raw.inputs = {std::string("What is Deep Learning?"), std::string("Deep Learning is...")};
  raw.normalize = false;
  const auto v = engine->embed(raw);
  const double first[] = {-1.5195851, -3.0843177, -1.0581057, -6.4716716,
                          -1.6939588, 6.247706,   -6.0047812, 0.33277434};
  for (size_t i = 0; i < std::size(first); ++i) CHECK(std::abs(v[0][i] - first[i]) < 5e-2);
  CHECK(std::abs(cosine(v[0], v[1]) - 0.9028871) < 2e-3);
}
