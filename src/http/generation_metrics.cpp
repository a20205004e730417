#include "http/generation_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>

namespace winnow {
namespace {

using Boundaries = prometheus::Histogram::BucketBoundaries;
using Labels = std::map<std::string, std::string>;

const Boundaries kFirst{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
                        1,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  640, 2560};
const Boundaries kBetween{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
                          0.75, 1,     2.5,  5,     7.5, 10,   20,  40,  80};
const Boundaries kWhole{0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                        30,  40,  50,  60, 120, 240, 480, 960, 1920, 7680};
const Boundaries kChoices{1, 2, 5, 10, 20};

// 1, 2, 5, 10, 20 ... up to the limit.
Boundaries lengths_to(int limit) {
  Boundaries bounds;
  for (double ten = 1;; ten *= 10)
    for (const double digit : {1, 2, 5}) {
      if (digit * ten > limit) return bounds;
      bounds.push_back(digit * ten);
    }
}

struct PerModel {
  prometheus::Counter &prompt_tokens, &new_tokens, &prefix_queries, &prefix_hits;
  prometheus::Counter &stopped, &cut, &aborted, &failed;
  prometheus::Histogram &first, &between, &whole, &prompt_length, &new_length, &max_tokens, &n;
};

PerModel per_model(prometheus::Registry& registry, const ModelInfo& model) {
  const Labels labels{{"model_name", model.name}, {"engine", "0"}};
  const auto counter = [&](const char* name, const char* help, const char* finished = "") -> auto& {
    Labels all = labels;
    if (*finished) all["finished_reason"] = finished;
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add(all);
  };
  const auto histogram = [&](const char* name, const char* help,
                             const Boundaries& bounds) -> auto& {
    return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(labels,
                                                                                     bounds);
  };
  constexpr const char* kSuccess = "vllm:request_success_total";
  constexpr const char* kSuccessHelp = "Requests that are over, by how";
  const Boundaries lengths = lengths_to(model.max_length);
  return {
      counter("vllm:prompt_tokens_total", "Tokens of prompts"),
      counter("vllm:generation_tokens_total", "Tokens generated"),
      counter("vllm:prefix_cache_queries_total", "Tokens of prompts that were looked for"),
      counter("vllm:prefix_cache_hits_total", "Of these, found and not computed again"),
      counter(kSuccess, kSuccessHelp, "stop"),
      counter(kSuccess, kSuccessHelp, "length"),
      counter(kSuccess, kSuccessHelp, "abort"),
      counter(kSuccess, kSuccessHelp, "error"),
      histogram("vllm:time_to_first_token_seconds", "Seconds to the first text", kFirst),
      histogram("vllm:inter_token_latency_seconds", "Seconds from one text to the next", kBetween),
      histogram("vllm:e2e_request_latency_seconds", "Seconds of a request", kWhole),
      histogram("vllm:request_prompt_tokens", "Tokens of a request's prompts", lengths),
      histogram("vllm:request_generation_tokens", "Tokens that a request got", lengths),
      histogram("vllm:request_params_max_tokens", "Tokens that a request wanted", lengths),
      histogram("vllm:request_params_n", "Choices that a request wanted", kChoices),
  };
}

}  // namespace

struct GenerationMetrics::Parts {
  std::map<const ModelInfo*, PerModel> models;
};

GenerationMetrics::GenerationMetrics(prometheus::Registry& registry,
                                     std::span<const ModelInfo* const> models)
    : parts_(new Parts) {
  for (const ModelInfo* model : models)
    if (model->kind == ModelKind::kGenerator)
      parts_->models.emplace(model, per_model(registry, *model));
}

GenerationMetrics::~GenerationMetrics() = default;

void GenerationMetrics::count(const Work& work, double seconds) {
  const auto found = parts_->models.find(work.model);
  if (found == parts_->models.end() || !work.generation) return;
  PerModel& model = found->second;
  const GenerationWork& did = *work.generation;
  const auto number = [](int64_t count) { return static_cast<double>(count); };
  model.prompt_tokens.Increment(number(did.usage.prompt_tokens));
  model.new_tokens.Increment(number(did.usage.new_tokens));
  model.prefix_queries.Increment(number(did.usage.prompt_tokens));
  model.prefix_hits.Increment(number(did.usage.cached_tokens));
  model.stopped.Increment(did.stopped);
  model.cut.Increment(did.cut);
  if (did.first_s) model.first.Observe(*did.first_s);
  for (const double between : did.between_s) model.between.Observe(between);
  if (work.error == Code::kCancelled) return model.aborted.Increment();
  if (work.error) return model.failed.Increment();
  model.whole.Observe(seconds);
  model.prompt_length.Observe(number(did.usage.prompt_tokens));
  model.new_length.Observe(number(did.usage.new_tokens));
  if (did.max_tokens > 0) model.max_tokens.Observe(did.max_tokens);
  model.n.Observe(did.choices);
}

}  // namespace winnow
