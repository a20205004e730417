#include <algorithm>
#include <cmath>

#include "parity/goldens.h"

using namespace winnow;
using test::Golden;
using test::Loaded;

namespace {

double cosine_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double dot = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i)
    dot += double(a[i]) * b[i], aa += double(a[i]) * a[i], bb += double(b[i]) * b[i];
  return 1.0 - dot / std::sqrt(aa * bb);
}

std::vector<Golden> all_goldens() {
  std::vector<Golden> out = test::tiny_goldens(), real = test::real_goldens();
  out.insert(out.end(), real.begin(), real.end());
  return out;
}

}  // namespace

TEST_CASE("tokenizers give the reference's ids and type ids") {
  for (const Golden& golden : all_goldens()) {
    const auto tokenizer = Tokenizer::from_folder(golden.folder);
    const int max_length = static_cast<int>(golden.json.integer("max_length"));
    const Json cases = golden.json.at("cases");
    for (size_t i = 0; i < cases.size(); ++i) {
      CAPTURE(golden.name);
      CAPTURE(i);
      TokenSpan second;
      const bool pair = cases[i].find("pair").has_value();
      if (pair) second = tokenizer->tokenize(cases[i].string("pair"));
      const Encoded got = encode_tokens(tokenizer->tokenize(cases[i].string("text")),
                                        pair ? &second : nullptr, *tokenizer, {}, max_length);
      CHECK(got.sequence.ids == test::ints(cases[i].at("ids")));
      CHECK(got.sequence.type_ids == test::ints(cases[i].at("type_ids")));
    }
  }
}

TEST_CASE("every layer's hidden states are the reference's, so that a fault names its layer") {
  for (const Golden& golden : test::tiny_goldens()) {
    Loaded loaded(golden, best_isa(), DType::f32);
    const Json cases = golden.json.at("cases");
    const std::vector<Sequence> sequences = test::sequences_of(cases);
    for (size_t i = 0; i < sequences.size(); ++i) {
      const std::vector<float> sums = test::floats(cases[i].at("hidden_sums")),
                               sizes = test::floats(cases[i].at("hidden_abs_sums"));
      size_t seen = 0;
      loaded.run({sequences[i]}, [&](int layer, const Tensor& hidden) {
        CAPTURE(golden.name);
        CAPTURE(i);
        CAPTURE(layer);
        double sum = 0;
        for (int64_t e = 0; e < hidden.shape().elements(); ++e) sum += hidden.as<float>()[e];
        CHECK(std::abs(sum - sums.at(layer)) < 1e-5 * sizes.at(layer) + 1e-3);
        ++seen;
      });
      CHECK(seen == sums.size());
    }
  }
}

TEST_CASE("f32 logits are the reference's within 1e-4, vectors within a cosine distance of 1e-5") {
  for (const Golden& golden : all_goldens())
    for (const std::string& isa : usable_isas()) {
      if (isa == "plain" && golden.folder.find(test::kData) == std::string::npos)
        continue;  // minutes, and the same bits
      CAPTURE(golden.name);
      CAPTURE(isa);
      Loaded loaded(golden, isa, DType::f32);
      const Json cases = golden.json.at("cases");
      const std::vector<Output> got = loaded.run(test::sequences_of(cases));
      REQUIRE(got.size() == cases.size());
      double worst = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        if (const auto logits = cases[i].find("logits")) {
          const std::vector<float> want = test::floats(*logits);
          REQUIRE(got[i].size() == want.size());
          for (size_t l = 0; l < want.size(); ++l)
            worst = std::max(worst, double(std::abs(got[i][l] - want[l])));
        } else {
          worst = std::max(
              worst,
              10 * cosine_distance(got[i], test::floats(cases[i].at("vector"))));  // 1e-5 -> 1e-4
        }
      }
      MESSAGE(golden.name, " ", isa, ": worst difference ", worst);
      CHECK(worst < 1e-4);
    }
}

TEST_CASE("bge-m3's weights and vectors a token are the reference's, together or alone") {
  const std::string folder = test::kData + "/tiny-bge-m3";
  const std::string file = folder + "/goldens.json";
  const Json cases = Json::parse(MappedFile::open(file)->text(), file).at("cases");
  EngineOptions options;
  options.folder = folder;
  const auto engine = Engine::load(options);
  CHECK(engine->info().sparse);
  CHECK(engine->info().multi_dimensions == 32);
  EmbedRequest request;
  for (size_t i = 0; i < cases.size(); ++i)
    request.inputs.emplace_back(std::string(cases[i].string("text")));
  request.outputs = Sequence::kPooled | Sequence::kSparse | Sequence::kMulti;
  const std::vector<Embedding> got = engine->embed_outputs(request);
  EmbedRequest dense = request;
  dense.outputs = Sequence::kPooled;
  const std::vector<std::vector<float>> alone = engine->embed(dense);
  int compared = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    CAPTURE(i);
    CHECK(got[i].dense == alone[i]);
    const Json sparse = cases[i].at("sparse");
    REQUIRE(got[i].sparse.size() == sparse.size());
    for (size_t s = 0; s < sparse.size(); ++s) {
      CHECK(got[i].sparse[s].id == sparse[s][0].integer());
      CHECK(std::abs(got[i].sparse[s].weight - sparse[s][1].number()) < 1e-4);
    }
    const auto multi = cases[i].find("multi");
    if (!multi) continue;
    REQUIRE(got[i].multi.count() == static_cast<int64_t>(multi->size()));
    for (size_t v = 0; v < multi->size(); ++v, ++compared)
      for (int c = 0; c < 32; ++c)
        CHECK(std::abs(got[i].multi.values[v * 32 + c] - (*multi)[v][c].number()) < 1e-4);
  }
  CHECK(compared > 50);
  // Late interaction: a text is nearest to itself.
  RerankRequest rank;
  rank.query = "What is a panda?";
  rank.documents = {"Hello, world!", "What is a panda?", "the"};
  const RerankResponse ranked = engine->rerank(rank);
  CHECK(ranked.results[0].index == 1);
  CHECK(ranked.results[0].score == doctest::Approx(1.0));
}

TEST_CASE("prompts that do not count in the pooling are left out as sentence-transformers does") {
  const std::string folder = test::kData + "/tiny-distilbert-dense";
  const std::string file = folder + "/goldens.json";
  const Json prompted = Json::parse(MappedFile::open(file)->text(), file).at("prompted");
  EngineOptions options;
  options.folder = folder;
  const auto engine = Engine::load(options);
  CHECK(engine->info().pooling == "cls+max+mean+mean_sqrt_len+weightedmean+lasttoken");
  CHECK(engine->info().dimensions == 40);
  REQUIRE(prompted.size() > 2);
  for (size_t i = 0; i < prompted.size(); ++i) {
    CAPTURE(i);
    EmbedRequest request;
    request.inputs = {std::string(prompted[i].string("text"))};
    request.prompt = engine->info().prompts.at(std::string(prompted[i].string("prompt_name")));
    CHECK(cosine_distance(engine->embed(request)[0], test::floats(prompted[i].at("vector"))) <
          1e-6);
  }
}

TEST_CASE("a long document scores as its best window; a short one the same with any setting") {
  EngineOptions options;
  options.folder = test::kData + "/tiny-xlm-roberta-reranker";
  const auto engine = Engine::load(options);
  std::string noise, answer = "the giant panda is a bear that lives in the mountains of china";
  for (int i = 0; i < 100; ++i) noise += "of the sea ";
  RerankRequest request;
  request.query = "What is a panda?";
  request.documents = {"hi", noise + answer + " " + noise, answer};
  request.raw_scores = true;
  const auto score_of = [](const RerankResponse& response, int index) {
    for (const RerankResult& r : response.results)
      if (r.index == index) return r;
    return RerankResult{};
  };
  const RerankResponse cut = engine->rerank(request);
  request.long_documents = {.max_chunks = 20, .overlap = 30};
  const RerankResponse windowed = engine->rerank(request);
  for (const int same : {0, 2}) CHECK(score_of(cut, same).score == score_of(windowed, same).score);
  CHECK(score_of(windowed, 1).score >= score_of(cut, 1).score);
  // The best of the windows, each of them scored alone.
  std::vector<Encoded> parts = encode_rerank(request, engine->tokenizer(), 128);
  float best = -1e9f;
  Golden golden{"", options.folder, Json::parse("{}", "none")};
  Loaded loaded(golden, best_isa(), DType::f32);
  int windows = 0;
  for (const Encoded& part : parts)
    if (part.input == 1) best = std::max(best, loaded.run({part.sequence})[0][0]), ++windows;
  CHECK(windows > 3);
  CHECK(score_of(windowed, 1).score == best);
}

TEST_CASE("8-bit logits of the real reranker stay near its f32 ones") {
  for (const Golden& golden : test::real_goldens()) {
    if (golden.name != "ms-marco-minilm-l12") continue;
    Loaded loaded(golden, best_isa(), DType::i8);
    const Json cases = golden.json.at("cases");
    const std::vector<Output> got = loaded.run(test::sequences_of(cases));
    double mean = 0, most = 0;
    for (size_t i = 0; i < got.size(); ++i) {
      const double d = std::abs(got[i][0] - cases[i].at("logits")[0].number());
      mean += d / got.size(), most = std::max(most, d);
    }
    MESSAGE("int8 against f32 logits: mean ", mean, ", largest ", most);
    CHECK(mean < 0.06);
    CHECK(most < 0.3);
    CHECK(mean > 1e-4);  // it is 8-bit, not f32 in disguise
  }
}

TEST_CASE(
    "published numbers of all-MiniLM-L6-v2 hold, within the tolerance that each was published "
    "with") {
  const std::optional<std::string> folder = test::real_model("all-minilm-l6");
  if (!folder) {
    MESSAGE(test::why_skipped("all-minilm-l6"));
    return;
  }
  EngineOptions options;
  options.folder = *folder;
  const auto engine = Engine::load(options);
  const auto embed = [&](std::string_view text, bool normalize) {
    EmbedRequest request;
    request.inputs = {std::string(text)};
    request.normalize = normalize;
    return engine->embed(request)[0];
  };
  const std::string file = test::kData + "/goldens/all-minilm-l6-published.json";
  const Json published = Json::parse(MappedFile::open(file)->text(), file);
  const Json cosines = published.at("cosines"), means = published.at("means");
  for (size_t i = 0; i < cosines.size(); ++i)
    CHECK(
        std::abs(cosine(embed(cosines[i].string("a"), true), embed(cosines[i].string("b"), true)) -
                 cosines[i].number("cosine")) < cosines[i].number("tolerance"));
  for (size_t i = 0; i < means.size(); ++i) {
    const std::vector<float> mean = embed(means[i].string("text"), false);
    const std::vector<float> first = test::floats(means[i].at("first"));
    for (size_t c = 0; c < first.size(); ++c)
      CHECK(std::abs(mean[c] - first[c]) < means[i].number("tolerance"));
  }
}
