#include "tasks/sampler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "base/error.h"

using namespace winnow;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

std::vector<float> random_logits(size_t size, uint32_t seed, float spread = 3) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> out(size);
  for (float& x : out) x = normal(rng);
  return out;
}

// The distribution that the options ask for, by a full sort in double precision.
std::map<int32_t, double> plain_distribution(const std::vector<float>& logits,
                                             const SamplingOptions& o) {
  std::vector<std::pair<double, int32_t>> order;
  for (size_t i = 0; i < logits.size(); ++i)
    if (std::isfinite(logits[i])) order.push_back({-double{logits[i]} / o.temperature, i});
  std::sort(order.begin(), order.end());
  if (o.top_k > 0 && order.size() > size_t(o.top_k)) order.resize(o.top_k);
  std::vector<double> p;
  double sum = 0;
  for (const auto& [negative, id] : order)
    sum += p.emplace_back(std::exp(order[0].first - negative));
  std::map<int32_t, double> out;
  double before = 0, kept = 0;
  for (size_t i = 0; i < p.size(); ++i) {
    if ((i == 0 || before < o.top_p * sum) && p[i] >= o.min_p) kept += out[order[i].second] = p[i];
    before += p[i];
  }
  for (auto& [id, mass] : out) mass /= kept;
  return out;
}

// Sampler's choices follow plain_distribution: only its tokens, each as often as its probability
// says within 5 standard deviations.
void check_distribution(const std::vector<float>& logits, const SamplingOptions& options) {
  constexpr int kDraws = 20000;
  Sampler sampler(options, {});
  std::map<int32_t, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[sampler.next(logits).id];
  const auto want = plain_distribution(logits, options);
  for (const auto& [id, n] : counts) CHECK(want.contains(id));
  for (const auto& [id, p] : want) {
    CAPTURE(id);
    CHECK(std::abs(counts[id] - p * kDraws) <= 5 * std::sqrt(p * (1 - p) * kDraws) + 1);
  }
}

}  // namespace

TEST_CASE("greedy takes the largest logit, of equal ones the smallest id") {
  const SamplingOptions greedy{.temperature = 0};
  std::vector<float> logits(1000, -3.0f);
  logits[700] = logits[130] = logits[999] = 2.0f;
  logits[3] = std::nanf("");
  logits[4] = -kInf;
  CHECK(Sampler(greedy, {}).next(logits).id == 130);
  logits[5] = 2.5f;
  CHECK(Sampler(greedy, {}).next(logits).id == 5);
}

TEST_CASE("draws follow the distribution that a full sort in double precision gives") {
  for (const size_t size : {1, 2, 7, 129, 700}) {
    const std::vector<float> logits = random_logits(size, size);
    CAPTURE(size);
    check_distribution(logits, {});
    check_distribution(logits, {.temperature = 0.7f, .top_p = 0.9f});
    check_distribution(logits, {.temperature = 1.9f, .seed = 8});
    check_distribution(logits, {.top_k = 5});
    check_distribution(logits, {.temperature = 0.6f, .top_k = 20, .top_p = 0.95f});
    check_distribution(logits, {.min_p = 0.05f});
    check_distribution(logits, {.temperature = 1.5f, .top_k = 300, .top_p = 0.8f, .min_p = 0.02f});
    check_distribution(logits, {.top_p = 0});
  }
}

TEST_CASE("equal logits at the edge of top-k and top-p are taken by the smaller id") {
  const std::vector<float> logits(400, 1.0f);
  check_distribution(logits, {.top_k = 3});
  check_distribution(logits, {.top_p = 0.01f});
}

TEST_CASE("a seed fixes the tokens on every machine") {
  const auto logits = [] {  // no std distribution: its values differ between standard libraries
    std::vector<float> out(5000);
    for (size_t i = 0; i < out.size(); ++i) out[i] = float((i * 7919) % 1000) / 100;
    return out;
  }();
  const auto tokens = [&](uint64_t seed) {
    Sampler sampler({.temperature = 0.8f, .top_p = 0.95f, .seed = seed}, {});
    std::vector<int32_t> out;
    for (int i = 0; i < 6; ++i) out.push_back(sampler.next(logits).id);
    return out;
  };
  CHECK(tokens(1) == tokens(1));
  CHECK(tokens(1) != tokens(2));
  CHECK(tokens(0) ==
        std::vector<int32_t>{1038, 3248, 3877, 359, 2631, 4852});  // from the definition, in Python
}

TEST_CASE("the repetition penalty counts prompt and output, the others the output only") {
  std::vector<float> logits = {1.0f, 0.9f, -1.0f, -1.1f};
  Sampler repetition({.temperature = 0, .repetition_penalty = 1.5f}, std::vector<int32_t>{0, 2});
  CHECK(repetition.next(logits).id == 1);  // 1 / 1.5 < 0.9
  CHECK(repetition.next(logits).id == 0);  // 0.9 / 1.5 < 1 / 1.5
  logits = {-kInf, -kInf, -1.0f, -1.1f};
  CHECK(repetition.next(logits).id == 3);  // -1 * 1.5 < -1.1
  logits = {1.0f, 0.9f, 0.35f, -5.0f};
  Sampler presence({.temperature = 0, .presence_penalty = 0.5f}, std::vector<int32_t>{0, 1});
  CHECK(presence.next(logits).id == 0);
  CHECK(presence.next(logits).id == 1);
  CHECK(presence.next(logits).id == 0);
  CHECK(presence.next(logits).id == 0);
  Sampler frequency({.temperature = 0, .frequency_penalty = 0.3f}, {});
  CHECK(frequency.next(logits).id == 0);
  CHECK(frequency.next(logits).id == 1);
  CHECK(frequency.next(logits).id == 0);
  CHECK(frequency.next(logits).id == 1);
  CHECK(frequency.next(logits).id == 0);  // 0.4, 0.3 and 0.35
  CHECK(frequency.next(logits).id == 2);
}

TEST_CASE("a bias and a mask bind the choice, not the logprobs") {
  const std::vector<float> logits = {0, 1, 2, 3};
  TokenMask allowed(4);
  allowed.set(1);
  allowed.set(2);
  for (const float temperature : {0.0f, 1.0f}) {
    Sampler sampler({.temperature = temperature, .logit_bias = {{1, 100}}, .top_logprobs = 2}, {});
    const Sampled sampled = sampler.next(logits, &allowed);
    CHECK(sampled.id == 1);
    const double log_sum = std::log(1 + std::exp(-1.0) + std::exp(-2.0) + std::exp(-3.0));
    CHECK(sampled.logprob == doctest::Approx(-2 - log_sum));
    REQUIRE(sampled.top.size() == 2);
    CHECK(sampled.top[0].id == 3);
    CHECK(sampled.top[0].logprob == doctest::Approx(-log_sum));
    CHECK(sampled.top[1].id == 2);
  }
  Sampler any({}, {});
  for (int i = 0; i < 100; ++i) CHECK(allowed.test(any.next(logits, &allowed).id));
}

TEST_CASE("logprobs equal the softmax in double precision") {
  const std::vector<float> logits = random_logits(3001, 4);
  double sum = 0;
  for (const float x : logits) sum += std::exp(double{x});
  Sampler sampler({.top_logprobs = 20}, {});
  const Sampled sampled = sampler.next(logits);
  CHECK(std::abs(sampled.logprob - (logits[sampled.id] - std::log(sum))) < 2e-6);
  REQUIRE(sampled.top.size() == 20);
  for (size_t i = 0; i < 20; ++i) {
    CHECK(std::abs(sampled.top[i].logprob - (logits[sampled.top[i].id] - std::log(sum))) < 2e-6);
    if (i > 0) CHECK(sampled.top[i].logprob <= sampled.top[i - 1].logprob);
  }
  CHECK(sampled.top[0].id == std::max_element(logits.begin(), logits.end()) - logits.begin());
}

TEST_CASE("nothing to choose from is our own mistake, a wrong option the caller's") {
  Sampler sampler({}, {});
  CHECK_THROWS_WITH(sampler.next(std::vector<float>{-kInf, std::nanf("")}),
                    "sample: want a finite logit, got a maximum of -inf over 2 tokens");
  CHECK_THROWS_WITH(sampler.next(std::vector<float>{0, kInf}),
                    "sample: want a finite logit, got a maximum of inf over 2 tokens");
  const TokenMask nothing(2);
  CHECK_THROWS_WITH(sampler.next(std::vector<float>{0, 1}, &nothing),
                    "sample: want an allowed token with a finite logit, got none of 2");
  const auto refuse = [](const SamplingOptions& o) { check_sampling(o, 10); };
  CHECK_NOTHROW(refuse({}));
  CHECK_THROWS_WITH(refuse({.temperature = 2.5f}),
                    "temperature: want a number from 0 to 2, got 2.5");
  CHECK_THROWS_WITH(refuse({.temperature = std::nanf("")}),
                    "temperature: want a number from 0 to 2, got nan");
  CHECK_THROWS_WITH(refuse({.top_k = -2}), "top_k: want an integer of at least 0 (0: all), got -2");
  CHECK_THROWS_WITH(refuse({.top_p = -1}), "top_p: want a number from 0 to 1, got -1");
  CHECK_THROWS_WITH(refuse({.min_p = 2}), "min_p: want a number from 0 to 1, got 2");
  CHECK_THROWS_WITH(refuse({.repetition_penalty = 0}),
                    "repetition_penalty: want a number above 0 and at most 10, got 0");
  CHECK_THROWS_WITH(refuse({.presence_penalty = 3}),
                    "presence_penalty: want a number from -2 to 2, got 3");
  CHECK_THROWS_WITH(refuse({.frequency_penalty = -3}),
                    "frequency_penalty: want a number from -2 to 2, got -3");
  CHECK_THROWS_WITH(refuse({.logit_bias = {{10, 1}}}),
                    "logit_bias: want token ids from 0 to 9, got 10");
  CHECK_THROWS_WITH(refuse({.logit_bias = {{1, 101}}}),
                    "logit_bias of token 1: want a number from -100 to 100, got 101");
  CHECK_THROWS_WITH(refuse({.top_logprobs = 21}),
                    "top_logprobs: want an integer from 0 to 20, got 21");
}
