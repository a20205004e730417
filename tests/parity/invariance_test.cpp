// The promise: a score is a function of its pair and the model alone, bit for bit.
#include <algorithm>
#include <numeric>
#include <random>
#include <thread>

#include "parity/goldens.h"

using namespace winnow;
using test::Golden;

namespace {

// 200 pairs of a golden's texts: each with each, until there are enough.
std::vector<std::pair<std::string, std::string>> pairs_of(const Golden& golden) {
  const Json cases = golden.json.at("cases");
  std::vector<std::string> texts;
  for (size_t i = 0; i < cases.size(); ++i) {
    texts.emplace_back(cases[i].string("text"));
    if (const auto pair = cases[i].find("pair")) texts.emplace_back(pair->string());
  }
  std::erase_if(texts, [](const std::string& t) { return t.empty(); });
  std::vector<std::pair<std::string, std::string>> out;
  for (size_t step = 1; out.size() < 200; ++step)
    for (size_t i = 0; i < texts.size() && out.size() < 200; ++i)
      out.emplace_back(texts[i], texts[(i + step) % texts.size()]);
  return out;
}

Sequence encode_pair(const Tokenizer& tokenizer, const std::string& a, const std::string& b,
                     int max_length) {
  TokenSpan second = tokenizer.tokenize(b);
  return encode_tokens(tokenizer.tokenize(a), &second, tokenizer, {}, max_length).sequence;
}

}  // namespace

TEST_CASE("200 pairs shuffled into 300 batchings give the bits that each gives alone") {
  for (const Golden& golden : test::tiny_goldens()) {
    if (golden.json.string("kind") != "reranker") continue;
    const auto tokenizer = Tokenizer::from_folder(golden.folder);
    std::vector<Sequence> sequences;
    for (const auto& [a, b] : pairs_of(golden))
      sequences.push_back(encode_pair(*tokenizer, a, b, 128));
    for (const DType dtype : {DType::f32, DType::i8}) {
      CAPTURE(golden.name);
      CAPTURE(std::string(name_of(dtype)));
      test::Loaded loaded(golden, best_isa(), dtype);
      std::vector<Output> alone;
      for (const Sequence& s : sequences) alone.push_back(loaded.run({s})[0]);
      std::mt19937 random(11);
      std::vector<int> order(sequences.size());
      std::iota(order.begin(), order.end(), 0);
      for (int batching = 0, at = 0; batching < 300; ++batching) {
        if (at == 0) std::shuffle(order.begin(), order.end(), random);
        const int size = std::min<int>(1 + random() % 60, static_cast<int>(order.size()) - at);
        std::vector<Sequence> batch;
        for (int i = 0; i < size; ++i) batch.push_back(sequences[order[at + i]]);
        const std::vector<Output> got = loaded.run(batch);
        for (int i = 0; i < size; ++i) REQUIRE(got[i] == alone[order[at + i]]);
        at = (at + size) % static_cast<int>(order.size());
      }
    }
  }
}

TEST_CASE(
    "the engine gives a document the same bits alone, among others, from many threads, on any "
    "number of threads") {
  const Golden golden{"tiny-bert-reranker", test::kData + "/tiny-bert-reranker", {}};
  std::vector<std::vector<float>> by_threads;
  const std::string query = "which bits?";
  std::vector<std::string> documents;
  for (int i = 0; i < 60; ++i)
    documents.push_back(std::string("document ") + std::to_string(i) + std::string(i * 5, 'x'));
  for (const int threads : {1, 2, 4}) {
    EngineOptions options;
    options.folder = golden.folder;
    options.threads = threads;
    options.max_batch_tokens = 300;
    const auto engine = Engine::load(options);
    const auto scores = [&](const std::vector<std::string>& texts) {
      RerankRequest request;
      request.query = query;
      request.documents = texts;
      request.raw_scores = true;
      return engine->rerank(request).results;
    };
    std::vector<float> alone;
    for (const std::string& d : documents) alone.push_back(scores({d})[0].score);
    std::vector<std::thread> callers;
    std::atomic<int> wrong{0};
    for (int caller = 0; caller < 6; ++caller)
      callers.emplace_back([&, caller] {
        std::mt19937 random(caller);
        for (int round = 0; round < 10; ++round) {
          std::vector<int> chosen(1 + random() % 40);
          std::vector<std::string> texts;
          for (int& c : chosen)
            texts.push_back(documents[c = static_cast<int>(random() % documents.size())]);
          for (const RerankResult& r : scores(texts))
            if (r.score != alone[chosen[r.index]]) ++wrong;
        }
      });
    for (std::thread& t : callers) t.join();
    CHECK(wrong == 0);
    by_threads.push_back(alone);
  }
  CHECK(by_threads[0] == by_threads[1]);
  CHECK(by_threads[0] == by_threads[2]);
}
