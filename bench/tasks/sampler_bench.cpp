// Microseconds a token of one sampler, on one core, for V = 151,936 (Qwen2.5) and logits of a
// normal distribution whose best token has the probability that a language model's often has.
#include <time.h>

#include <cstdio>
#include <random>

#include "tasks/sampler.h"

namespace {

constexpr size_t kVocab = 151936;
constexpr int kTokens = 2000;

// Microseconds of CPU time, which other programs on the machine do not lengthen as much.
double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}

void measure(const char* name, const winnow::SamplingOptions& options, float spread,
             const winnow::TokenMask* allowed = nullptr) {
  std::mt19937 rng(3);
  std::normal_distribution<float> normal(0, spread);
  std::vector<std::vector<float>> rows(8, std::vector<float>(kVocab));  // eight streams
  for (std::vector<float>& row : rows) {
    for (float& x : row) x = normal(rng);
    for (int i = 0; i < 5; ++i) row[rng() % kVocab] = 5 * spread + 2 * i;
  }
  std::vector<int32_t> prompt(1000);
  for (int32_t& id : prompt) id = rng() % kVocab;
  std::vector<winnow::Sampler> samplers(rows.size(), winnow::Sampler(options, prompt));
  int64_t sum = 0;
  const double begin = now();
  for (int i = 0; i < kTokens; ++i) sum += samplers[i % 8].next(rows[i % 8], allowed).id;
  const double took = now() - begin;
  std::printf(
      "{\"bench\": \"sampler\", \"case\": \"%s\", \"spread\": %g, \"us_per_token\": %.1f, "
      "\"check\": %lld}\n",
      name, spread, took / kTokens, static_cast<long long>(sum));
}

}  // namespace

int main() {
  measure("greedy", {.temperature = 0}, 3);
  measure("greedy, repetition penalty", {.temperature = 0, .repetition_penalty = 1.1f}, 3);
  measure("temperature", {}, 3);
  measure("temperature, nearly flat", {}, 0.5f);
  measure("top_p 0.9", {.temperature = 0.7f, .top_p = 0.9f}, 3);
  measure("top_p 0.9, nearly flat", {.temperature = 1.5f, .top_p = 0.9f}, 0.5f);
  measure("min_p 0.05", {.min_p = 0.05f}, 3);
  measure("top_k 20, top_p 0.8, repetition penalty",
          {.temperature = 0.7f, .top_k = 20, .top_p = 0.8f, .repetition_penalty = 1.05f}, 3);
  measure("top_k 20, 20 logprobs", {.top_k = 20, .top_logprobs = 20}, 3);
  winnow::TokenMask allowed(kVocab);
  for (size_t id = 0; id < kVocab; id += 2) allowed.set(static_cast<int32_t>(id));
  measure("top_k 20, half allowed", {.top_k = 20}, 3, &allowed);
}
