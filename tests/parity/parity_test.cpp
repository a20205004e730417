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
