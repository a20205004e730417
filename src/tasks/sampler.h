// Sampling: a row of logits to the next token of one sequence, and what OpenAI's logprobs say of
// it.
#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tasks/logit_scan.h"
#include "tasks/token_mask.h"

namespace winnow {

struct SamplingOptions {
  float temperature = 1.0f;         // 0 (or below 1e-5): greedy
  int top_k = 0;                    // 0: all
  float top_p = 1.0f;               // the smallest set of best tokens that has this probability
  float min_p = 0.0f;               // at least this part of the best token's probability
  float repetition_penalty = 1.0f;  // over prompt and output: divides a positive logit (HF)
  float presence_penalty = 0.0f;    // over output: subtracted once (OpenAI)
  float frequency_penalty = 0.0f;   // over output: subtracted for each occurrence (OpenAI)
  uint64_t seed = 0;                // the same seed, options and logits give the same tokens
  std::vector<std::pair<int32_t, float>> logit_bias = {};
  int top_logprobs = -1;  // -1: none; 0..20: the chosen token's logprob and that many of the best
};

// Throws kInvalidArgument, naming the option as OpenAI's API spells it, its range and its value:
// temperature 0..2, top_k >= 0, top_p and min_p 0..1, repetition_penalty above 0 and at most 10,
// the other penalties -2..2, logit_bias -100..100 for ids below vocab_size, top_logprobs -1..20.
void check_sampling(const SamplingOptions& options, int64_t vocab_size);

struct TokenLogprob {
  int32_t id;
  float logprob;
};

struct Sampled {
  int32_t id = 0;
  // Natural logarithms of the softmax of the logits as they came: no bias, penalty, temperature or
  // constraint (what OpenAI reports is the model's own opinion).
  float logprob = 0;              // 0 with top_logprobs -1
  std::vector<TokenLogprob> top;  // the best top_logprobs, best first; the chosen one may be absent
};

// One sequence's sampler. Not thread-safe.
//
// The order of operations is that of transformers and vLLM: constraint, logit bias, repetition
// penalty, frequency and presence penalties, temperature, top-k, top-p, min-p. Top-p measures the
// probabilities that top-k left and min-p comes last, as in transformers (vLLM puts min-p before
// top-k). Each of the three keeps a beginning of the order of `better`, so that the kept set has
// one length and one mass and nothing is ever sorted. Equal logits: the smaller id is the better
// one, also at the edge of top-k (transformers keeps all that are equal there).
class Sampler {
 public:
  // prompt: the sequence's tokens so far, for the repetition penalty. Throws as check_sampling.
  Sampler(const SamplingOptions& options, std::span<const int32_t> prompt);

  // Chooses the next token and counts it as output.
  //   logits [V] f32, -inf and NaN are never chosen; allowed: null or a mask of V tokens.
  // Throws kInternal when no logit is finite, one is +inf, or nothing finite is allowed;
  // kInvalidArgument when logit_bias names a token that is not below V.
  Sampled next(std::span<const float> logits, const TokenMask* allowed = nullptr);

  // Whether next() without a mask is always the best logit's token and nothing else is asked for,
  // so that a row need not be looked at here.
  bool takes_best() const;

 private:
  struct Seen {
    int32_t id;
    int in_output;
  };
  struct Weighted {
    ScoredToken token;
    uint64_t weight;
  };
  struct Crossing {
    int32_t id;
    uint64_t through;  // the mass of all better tokens and its own
  };

  void count(int32_t id, int in_output);
  bool edits_logits() const;
  void edit(std::span<const float> logits, const TokenMask* allowed);
  int32_t draw();
  void gather(float floor);
  void weigh();
  Crossing cross(uint64_t mass);
  uint64_t random();

  SamplingOptions options_;
  uint64_t key_;
  uint64_t drawn_ = 0;
  std::vector<Seen> seen_;  // filled only when a penalty asks for it
  std::unordered_map<int32_t, size_t> seen_at_;
  // Reused from token to token:
  std::vector<float> edited_;  // [V], empty while the logits are taken as they come
  LogitScan scan_;
  std::vector<ScoredToken> kept_;
  std::vector<Weighted> weighted_;
  uint64_t gathered_ = 0;  // the mass of weighted_
  float floor_ = 0;        // weighted_ has all tokens of at least 2^floor_
};

}  // namespace winnow
