#include "tasks/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace winnow {
namespace {

__extension__ using Uint128 = unsigned __int128;

constexpr float kNone = -std::numeric_limits<float>::infinity();
constexpr float kLog2E = 1.44269504f;
constexpr float kGreedyBelow = 1e-5f;  // as vLLM: a smaller temperature only loses precision

// Probabilities relative to the best token's are whole multiples of 2^-40: integers add up to the
// same sum in any order, so a partial selection gives what a full sort would. A million tokens of
// weight 1 stay below 2^64.
constexpr int kWeightBits = 40;
constexpr double kWeightOne = static_cast<double>(uint64_t{1} << kWeightBits);

uint64_t weight_of(float t) {
  return t < -kWeightBits ? 0 : static_cast<uint64_t>(kWeightOne * exp2_of(t));
}

// SplitMix64's output function: every input bit reaches every output bit.
uint64_t mix(uint64_t z) {
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

void check_range(std::string_view name, float value, float low, float high) {
  require(value >= low && value <= high, name, ": want a number from ", low, " to ", high, ", got ",
          value);
}

}  // namespace

void check_sampling(const SamplingOptions& o, int64_t vocab_size) {
  check_range("temperature", o.temperature, 0, 2);
  require(o.top_k >= 0, "top_k: want an integer of at least 0 (0: all), got ", o.top_k);
  check_range("top_p", o.top_p, 0, 1);
  check_range("min_p", o.min_p, 0, 1);
  require(o.repetition_penalty > 0 && o.repetition_penalty <= 10,
          "repetition_penalty: want a number above 0 and at most 10, got ", o.repetition_penalty);
  check_range("presence_penalty", o.presence_penalty, -2, 2);
  check_range("frequency_penalty", o.frequency_penalty, -2, 2);
  require(o.top_logprobs >= -1 && o.top_logprobs <= 20,
          "top_logprobs: want an integer from 0 to 20, got ", o.top_logprobs);
  for (const auto& [id, bias] : o.logit_bias) {
    require(id >= 0 && id < vocab_size, "logit_bias: want token ids from 0 to ", vocab_size - 1,
            ", got ", id);
    check_range(cat("logit_bias of token ", id), bias, -100, 100);
  }
}

Sampler::Sampler(const SamplingOptions& options, std::span<const int32_t> prompt)
    : options_(options), key_(mix(options.seed + 0x9E3779B97F4A7C15u)) {
  check_sampling(options, std::numeric_limits<int32_t>::max());
  if (options.repetition_penalty != 1)
    for (const int32_t id : prompt) count(id, 0);
}

Sampled Sampler::next(std::span<const float> logits, const TokenMask* allowed) {
  scan_.read(logits);
  if (!std::isfinite(scan_.max()))
    fail(Code::kInternal, "sample: want a finite logit, got a maximum of ", scan_.max(), " over ",
         logits.size(), " tokens");
  Sampled sampled;
  double log_sum = 0;  // of the raw logits, relative to their maximum
  const float raw_max = scan_.max();
  if (options_.top_logprobs >= 0) {
    log_sum = std::log(scan_.sum_exp2(kLog2E));
    for (const ScoredToken& t : scan_.best(options_.top_logprobs))
      sampled.top.push_back({t.id, static_cast<float>(t.score - raw_max - log_sum)});
  }
  if (allowed || edits_logits()) {
    edit(logits, allowed);
    scan_.read(edited_);
    if (scan_.max() == kNone)
      fail(Code::kInternal, "sample: want an allowed token with a finite logit, got none of ",
           logits.size());
  }
  sampled.id = options_.temperature < kGreedyBelow ? scan_.arg_max() : draw();
  if (options_.top_logprobs >= 0)
    sampled.logprob = static_cast<float>(logits[sampled.id] - raw_max - log_sum);
  if (options_.repetition_penalty != 1 || options_.presence_penalty != 0 ||
      options_.frequency_penalty != 0)
    count(sampled.id, 1);
  return sampled;
}

void Sampler::count(int32_t id, int in_output) {
  const auto [at, added] = seen_at_.try_emplace(id, seen_.size());
  if (added) seen_.push_back({id, 0});
  seen_[at->second].in_output += in_output;
}

bool Sampler::takes_best() const {
  return options_.temperature < kGreedyBelow && options_.top_logprobs < 0 && !edits_logits() &&
         options_.repetition_penalty == 1 && options_.presence_penalty == 0 &&
         options_.frequency_penalty == 0;
}

bool Sampler::edits_logits() const { return !options_.logit_bias.empty() || !seen_.empty(); }

// Copies the logits to edited_, -inf where not allowed, then adds bias and penalties.
void Sampler::edit(std::span<const float> logits, const TokenMask* allowed) {
  if (!allowed) {
    edited_.assign(logits.begin(), logits.end());
  } else {
    if (allowed->size() != logits.size())
      fail(Code::kInternal, "sample: want a mask of ", logits.size(), " tokens, got ",
           allowed->size());
    edited_.assign(logits.size(), kNone);
    for (size_t w = 0; w < allowed->words().size(); ++w)
      for (uint64_t left = allowed->words()[w]; left != 0; left &= left - 1) {
        const size_t id = w * 64 + std::countr_zero(left);
        edited_[id] = logits[id];
      }
  }
  const int64_t vocab = static_cast<int64_t>(logits.size());
  for (const auto& [id, bias] : options_.logit_bias) {
    require(id < vocab, "logit_bias: want token ids from 0 to ", vocab - 1, ", got ", id);
    edited_[id] += bias;
  }
  for (const Seen& seen : seen_) {
    if (seen.id < 0 || seen.id >= vocab)
      fail(Code::kInternal, "sample: want a prompt of ids from 0 to ", vocab - 1, ", got ",
           seen.id);
    float& logit = edited_[seen.id];
    logit = logit > 0 ? logit / options_.repetition_penalty : logit * options_.repetition_penalty;
    if (seen.in_output > 0)
      logit -= options_.frequency_penalty * static_cast<float>(seen.in_output) +
               options_.presence_penalty;
  }
}

// Top-k, top-p and min-p each keep a beginning of the order of `better`: the least of their masses
// is drawn from, and the token is the one where the order's running mass crosses what was drawn.
int32_t Sampler::draw() {
  const float scale = kLog2E / options_.temperature;
  const uint64_t one = uint64_t{1} << kWeightBits;
  uint64_t total;
  if (options_.top_k > 0) {
    kept_ = scan_.best(options_.top_k);
    for (ScoredToken& token : kept_) token.score = (token.score - scan_.max()) * scale;
    weigh();
    floor_ = -kWeightBits;
    total = gathered_;
  } else {
    total = static_cast<uint64_t>(kWeightOne * scan_.sum_exp2(scale));
    gather(/*floor=*/-8);
  }
  uint64_t mass = total;
  if (options_.top_p < 1) {
    const double target =
        std::ceil(static_cast<double>(options_.top_p) * static_cast<double>(total));
    mass = cross(target < 1 ? 0 : static_cast<uint64_t>(target) - 1).through;
  }
  if (options_.min_p > 0) {
    const float floor = std::max<float>(std::ilogb(options_.min_p) - 1, -kWeightBits);
    if (floor < floor_) gather(floor);
    const auto least = static_cast<uint64_t>(static_cast<double>(options_.min_p) * kWeightOne);
    uint64_t probable = 0;
    for (const Weighted& w : weighted_)
      if (w.weight >= std::min(least, one)) probable += w.weight;
    mass = std::min(mass, probable);
  }
  return cross(static_cast<uint64_t>(Uint128{random()} * mass >> 64)).id;
}

// Takes all tokens of at least 2^floor times the best one's probability.
void Sampler::gather(float floor) {
  floor_ = floor;
  scan_.at_least(floor, kLog2E / options_.temperature, kept_);
  weigh();
}

void Sampler::weigh() {
  weighted_.clear();
  gathered_ = 0;
  for (const ScoredToken& token : kept_) {
    weighted_.push_back({token, weight_of(token.score)});
    gathered_ += weighted_.back().weight;
  }
}

// The token in the order of `better` at which the running mass first exceeds `mass`. Gathers more
// tokens while those in hand weigh too little: mostly a few hundred of the vocabulary are enough.
Sampler::Crossing Sampler::cross(uint64_t mass) {
  while (gathered_ <= mass && floor_ > -kWeightBits)
    gather(std::max<float>(2 * floor_, -kWeightBits));
  mass = std::min(mass, gathered_ - 1);  // what lies below 2^-40 was in the sum only
  const auto order = [](const Weighted& a, const Weighted& b) { return better(a.token, b.token); };
  auto first = weighted_.begin(), last = weighted_.end();
  uint64_t before = 0;
  while (last - first > 1) {  // quickselect by mass: halves the range each time
    const auto middle = first + (last - first) / 2;
    std::nth_element(first, middle, last, order);
    uint64_t half = 0;
    for (auto w = first; w != middle; ++w) half += w->weight;
    if (before + half > mass) {
      last = middle;
    } else {
      before += half;
      first = middle;
    }
  }
  return {first->token.id, before + first->weight};
}

uint64_t Sampler::random() { return mix(key_ + ++drawn_ * 0x9E3779B97F4A7C15u); }

}  // namespace winnow
