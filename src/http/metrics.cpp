#include "http/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <map>

#include "http/generation_metrics.h"

namespace winnow {
namespace {

using Boundaries = prometheus::Histogram::BucketBoundaries;
using Labels = std::map<std::string, std::string>;

// From `first`, `count` bounds, each `factor` times the one before.
Boundaries growing(double first, double factor, int count) {
  Boundaries bounds;
  for (double bound = first; count > 0; --count, bound *= factor) bounds.push_back(bound);
  return bounds;
}

const Boundaries& seconds_buckets() {  // TEI's: 35 from 15 us to 20 s
  static const Boundaries bounds = growing(15e-6, 1.5, 35);
  return bounds;
}

prometheus::Histogram& histogram(prometheus::Registry& registry, const std::string& name,
                                 const std::string& help, const Boundaries& bounds,
                                 const Labels& labels = {}) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add(labels, bounds);
}

// The four durations that TEI keeps of requests, of embedded texts and of predicted ones.
struct Durations {
  prometheus::Histogram &total, &tokenization, &queue, &inference;

  Durations(prometheus::Registry& registry, const std::string& prefix, const std::string& of)
      : total(histogram(registry, prefix + "_duration", "Seconds in all " + of, seconds_buckets())),
        tokenization(histogram(registry, prefix + "_tokenization_duration",
                               "Seconds of tokenization " + of, seconds_buckets())),
        queue(histogram(registry, prefix + "_queue_duration", "Seconds in the queue " + of,
                        seconds_buckets())),
        inference(histogram(registry, prefix + "_inference_duration", "Seconds of inference " + of,
                            seconds_buckets())) {}

  void observe(const CallTimes& times, int64_t count) {
    const auto add = [&](prometheus::Histogram& h, double seconds) {
      h.ObserveMultiple(increments(seconds_buckets(), seconds, count),
                        seconds * static_cast<double>(count));
    };
    add(total, times.total);
    add(tokenization, times.tokenize);
    add(queue, times.queue);
    add(inference, times.compute);
  }
};

struct PerModel {
  prometheus::Histogram &tokenize, &queue, &compute, &batch_seconds, &batch_sequences,
      &batch_tokens;
  prometheus::Counter &tokens, &inputs, &refused;
};

void sample(prometheus::MetricFamily& family, const Labels& labels, double value) {
  prometheus::ClientMetric metric;
  for (const auto& [name, text] : labels) metric.label.push_back({name, text});
  if (family.type == prometheus::MetricType::Counter)
    metric.counter.value = value;
  else
    metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

prometheus::MetricFamily family(std::string name, std::string help, prometheus::MetricType type) {
  prometheus::MetricFamily out;
  out.name = std::move(name);
  out.help = std::move(help);
  out.type = type;
  return out;
}

}  // namespace

struct Metrics::Parts {
  std::vector<std::shared_ptr<Engine>> engines;
  std::vector<std::string> names;  // of engines
  prometheus::Registry registry;

  prometheus::Family<prometheus::Counter>&request_count, &request_success, &request_failure;
  prometheus::Counter &embed_count, &embed_success, &predict_count, &predict_success;
  Durations request, embed, predict;
  prometheus::Histogram &input_length, &batch_next_size, &batch_next_tokens;
  Boundaries length_buckets;

  prometheus::Family<prometheus::Counter>& http_requests;
  prometheus::Family<prometheus::Histogram>& http_seconds;
  std::map<const ModelInfo*, PerModel> models;
  std::unique_ptr<GenerationMetrics> generation;

  explicit Parts(const std::vector<std::shared_ptr<Engine>>& engines);
  PerModel per_model(const std::string& name);
  prometheus::Counter& counter(const std::string& name, const std::string& help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
  }
  prometheus::Family<prometheus::Counter>& counters(const std::string& name,
                                                    const std::string& help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  void count_inputs(const PerModel& model, const Work& work, bool success);
  void append_engine_stats(std::vector<prometheus::MetricFamily>& families) const;
  void append_decoder_stats(std::vector<prometheus::MetricFamily>& families,
                            const std::vector<EngineStats>& now) const;
};

namespace {

Boundaries lengths_up_to_limit(const std::vector<std::shared_ptr<Engine>>& engines) {
  int limit = 1;
  for (const auto& engine : engines) limit = std::max(limit, engine->info().max_length);
  Boundaries bounds{1};
  while (bounds.back() < limit) bounds.push_back(bounds.back() * 2);
  return bounds;
}

}  // namespace

Metrics::Parts::Parts(const std::vector<std::shared_ptr<Engine>>& served)
    : request_count(counters("te_request_count", "Requests to model routes")),
      request_success(counters("te_request_success", "Requests answered")),
      request_failure(counters("te_request_failure", "Requests refused, by why")),
      embed_count(counter("te_embed_count", "Texts to embed")),
      embed_success(counter("te_embed_success", "Texts embedded")),
      predict_count(counter("te_predict_count", "Texts or pairs to score")),
      predict_success(counter("te_predict_success", "Texts or pairs scored")),
      request(registry, "te_request", "of a request"),
      embed(registry, "te_embed", "of an embedded text, its request's mean"),
      predict(registry, "te_predict", "of a scored text or pair, its request's mean"),
      input_length(histogram(registry, "te_request_input_length",
                             "Tokens of an input, its request's mean",
                             lengths_up_to_limit(served))),
      batch_next_size(
          histogram(registry, "te_batch_next_size", "Sequences of a batch", growing(1, 2, 13))),
      batch_next_tokens(
          histogram(registry, "te_batch_next_tokens", "Tokens of a batch", growing(1, 2, 21))),
      length_buckets(lengths_up_to_limit(served)),
      http_requests(counters("winnow_http_requests_total", "Answers, by route and status")),
      http_seconds(prometheus::BuildHistogram()
                       .Name("winnow_http_request_seconds")
                       .Help("Seconds from a request's last byte to its answer")
                       .Register(registry)) {
  std::vector<const ModelInfo*> infos;
  for (const auto& engine : served) {
    names.push_back(engine->info().name);
    models.emplace(&engine->info(), per_model(engine->info().name));
    infos.push_back(&engine->info());
  }
  generation = std::make_unique<GenerationMetrics>(registry, infos);
  for (const char* method : {"single", "batch"}) {
    request_count.Add({{"method", method}});
    request_success.Add({{"method", method}});
  }
}

PerModel Metrics::Parts::per_model(const std::string& name) {
  const Labels labels{{"model", name}};
  const auto seconds = [&](const std::string& metric, const std::string& help) -> auto& {
    return histogram(registry, metric, help, seconds_buckets(), labels);
  };
  return {
      seconds("winnow_tokenize_seconds", "Seconds a request spent in the tokenizer"),
      seconds("winnow_queue_seconds", "Seconds a request's sequences waited, their mean"),
      seconds("winnow_compute_seconds",
              "Seconds the batches of a request's sequences took, their mean"),
      seconds("winnow_batch_seconds", "Seconds a batch took"),
      histogram(registry, "winnow_batch_sequences", "Sequences of a batch", growing(1, 2, 13),
                labels),
      histogram(registry, "winnow_batch_tokens", "Tokens of a batch", growing(1, 2, 21), labels),
      counters("winnow_tokens_total", "Tokens computed for answered requests").Add(labels),
      counters("winnow_inputs_total", "Texts or pairs asked for").Add(labels),
      counters("winnow_inputs_refused_total", "Texts answered with an error of their own")
          .Add(labels),
  };
}

void Metrics::Parts::append_engine_stats(std::vector<prometheus::MetricFamily>& families) const {
  using prometheus::MetricType;
  struct Stat {
    const char *name, *help;
    MetricType type;
    int64_t EngineStats::*value;
  };
  constexpr std::array<Stat, 6> kStats{{
      {"winnow_queued_sequences", "Sequences waiting", MetricType::Gauge,
       &EngineStats::queued_sequences},
      {"winnow_queued_tokens", "Tokens waiting", MetricType::Gauge, &EngineStats::queued_tokens},
      {"winnow_batches_total", "Batches computed", MetricType::Counter, &EngineStats::batches},
      {"winnow_batches_tokens_total", "Tokens of the batches computed", MetricType::Counter,
       &EngineStats::batch_tokens},
      {"winnow_sequences_total", "Sequences computed", MetricType::Counter,
       &EngineStats::sequences},
      {"winnow_dropped_sequences_total", "Sequences dropped unstarted: late, or their client gone",
       MetricType::Counter, &EngineStats::dropped_sequences},
  }};
  std::vector<EngineStats> now;
  for (const auto& engine : engines) now.push_back(engine->stats());
  int64_t queued = 0;
  for (const EngineStats& stats : now) queued += stats.queued_sequences;
  families.push_back(family("te_queue_size", "Sequences waiting", MetricType::Gauge));
  sample(families.back(), {}, static_cast<double>(queued));
  for (const Stat& stat : kStats) {
    families.push_back(family(stat.name, stat.help, stat.type));
    for (size_t i = 0; i < now.size(); ++i)
      sample(families.back(), {{"model", names[i]}}, static_cast<double>(now[i].*stat.value));
  }
  append_decoder_stats(families, now);
}

// vLLM's names of what the steps of decoders do.
void Metrics::Parts::append_decoder_stats(std::vector<prometheus::MetricFamily>& families,
                                          const std::vector<EngineStats>& now) const {
  using prometheus::MetricType;
  struct Stat {
    const char *name, *help;
    MetricType type;
    double (*value)(const SchedulerStats&);
  };
  constexpr std::array<Stat, 3> kStats{{
      {"vllm:num_requests_running", "Texts being generated", MetricType::Gauge,
       [](const SchedulerStats& s) { return static_cast<double>(s.running); }},
      {"vllm:num_requests_waiting", "Texts waiting for their place", MetricType::Gauge,
       [](const SchedulerStats& s) { return static_cast<double>(s.waiting); }},
      {"vllm:kv_cache_usage_perc", "Part of the memory for keys and values in use, 1 is all",
       MetricType::Gauge,
       [](const SchedulerStats& s) {
         return s.pages > 0 ? static_cast<double>(s.pages_in_use) / static_cast<double>(s.pages)
                            : 0.0;
       }},
  }};
  if (std::none_of(now.begin(), now.end(), [](const EngineStats& s) { return !!s.decoder; }))
    return;
  for (const Stat& stat : kStats) {
    families.push_back(family(stat.name, stat.help, stat.type));
    for (size_t i = 0; i < now.size(); ++i)
      if (now[i].decoder)
        sample(families.back(), {{"engine", "0"}, {"model_name", names[i]}},
               stat.value(*now[i].decoder));
  }
}

namespace {

class BatchHistograms final : public BatchObserver {
 public:
  BatchHistograms(std::shared_ptr<void> owner, const PerModel& model, prometheus::Histogram& size,
                  prometheus::Histogram& tokens)
      : owner_(std::move(owner)), model_(model), size_(size), tokens_(tokens) {}

  void on_batch(int64_t sequences, int64_t tokens, double seconds) override {
    size_.Observe(static_cast<double>(sequences));
    tokens_.Observe(static_cast<double>(tokens));
    model_.batch_sequences.Observe(static_cast<double>(sequences));
    model_.batch_tokens.Observe(static_cast<double>(tokens));
    model_.batch_seconds.Observe(seconds);
  }

 private:
  std::shared_ptr<void> owner_;  // of the histograms: an engine may outlive its server
  PerModel model_;
  prometheus::Histogram &size_, &tokens_;
};

}  // namespace

Metrics::Metrics(const std::vector<std::shared_ptr<Engine>>& engines)
    : parts_(std::make_shared<Parts>(engines)) {
  parts_->engines = engines;
  for (const auto& engine : engines)
    engine->observe(std::make_shared<BatchHistograms>(parts_, parts_->models.at(&engine->info()),
                                                      parts_->batch_next_size,
                                                      parts_->batch_next_tokens));
}

// The engines hold the parts through their observers, and so may not be held by them.
Metrics::~Metrics() { parts_->engines.clear(); }

void Metrics::count(const Answered& answered, const Work& work) {
  Parts& parts = *parts_;
  const std::string route(answered.route);
  parts.http_requests.Add({{"route", route}, {"status", std::to_string(answered.status)}})
      .Increment();
  parts.http_seconds.Add({{"route", route}}, seconds_buckets()).Observe(answered.seconds);
  if (answered.counted == Counted::kNone) return;
  parts.generation->count(work, answered.seconds);

  const bool success = answered.failure.empty();
  const Labels method{{"method", work.batch ? "batch" : "single"}};
  parts.request_count.Add(method).Increment();
  if (success) {
    parts.request_success.Add(method).Increment();
    CallTimes times = work.times;
    times.total = answered.seconds;  // the parsing and the writing too
    parts.request.observe(times, 1);
  } else {
    parts.request_failure.Add({{"err", std::string(answered.failure)}}).Increment();
  }
  const auto found = parts.models.find(work.model);
  if (answered.counted == Counted::kInputs && found != parts.models.end())
    parts.count_inputs(found->second, work, success);
}

void Metrics::Parts::count_inputs(const PerModel& model, const Work& work, bool success) {
  const bool embeds = work.model->kind == ModelKind::kEmbedder;
  const int64_t served = work.inputs - work.refused;
  model.inputs.Increment(static_cast<double>(work.inputs));
  model.refused.Increment(static_cast<double>(work.refused));
  (embeds ? embed_count : predict_count).Increment(static_cast<double>(work.inputs));
  if (!success || served <= 0) return;
  (embeds ? embed_success : predict_success).Increment(static_cast<double>(served));
  (embeds ? embed : predict).observe(work.times, served);
  const double tokens = static_cast<double>(work.times.tokens);
  input_length.ObserveMultiple(
      increments(length_buckets, tokens / static_cast<double>(served), served), tokens);
  model.tokens.Increment(tokens);
  model.tokenize.Observe(work.times.tokenize);
  model.queue.Observe(work.times.queue);
  model.compute.Observe(work.times.compute);
}

std::string Metrics::text(const Moment& moment) const {
  using prometheus::MetricType;
  std::vector<prometheus::MetricFamily> families = parts_->registry.Collect();
  parts_->append_engine_stats(families);
  const auto gauge = [&](const char* name, const char* help, double value) {
    families.push_back(family(name, help, MetricType::Gauge));
    sample(families.back(), {}, value);
  };
  gauge("winnow_requests_in_hand", "Requests in work",
        static_cast<double>(moment.requests_in_hand));
  gauge("winnow_connections", "Open connections", static_cast<double>(moment.connections));
  gauge("winnow_ready", "1 when the models are warm and the server is not draining", moment.ready);
  return prometheus::TextSerializer().Serialize(families);
}

std::string_view tei_failure(Code code, bool too_many_inputs) {
  switch (code) {
    case Code::kOverloaded:
      return "overloaded";
    case Code::kTokenizer:
      return "tokenization";
    case Code::kUnsupported:
      return "model_type";
    case Code::kDeadline:
    case Code::kCancelled:
      return "dropped";
    case Code::kInvalidArgument:
      return too_many_inputs ? "batch_size" : "validation";
    case Code::kTooLong:
    case Code::kEmpty:
    case Code::kNotFound:
    case Code::kCorrupt:
      return "validation";
    case Code::kIo:
    case Code::kNetwork:
    case Code::kInternal:
      return "inference";
  }
  return "inference";
}

std::vector<double> increments(const std::vector<double>& boundaries, double value, int64_t count) {
  std::vector<double> out(boundaries.size() + 1);
  const auto bucket = std::lower_bound(boundaries.begin(), boundaries.end(), value);
  out[bucket - boundaries.begin()] = static_cast<double>(count);
  return out;
}

}  // namespace winnow
