#include "engine/decoder_pool.h"

#include <algorithm>

#include "base/error.h"

namespace winnow {

DecoderPool::DecoderPool(std::vector<std::unique_ptr<DecoderRunner>> replicas)
    : replicas_(std::move(replicas)) {
  require(!replicas_.empty(), "DecoderPool: want a replica, got none");
}

SchedulerStats DecoderPool::stats() const {
  SchedulerStats sum{};
  for (const auto& replica : replicas_) {
    const SchedulerStats s = replica->stats();
    sum.running += s.running, sum.waiting += s.waiting, sum.waiting_tokens += s.waiting_tokens;
    sum.unfinished_tokens += s.unfinished_tokens;
    sum.pages += s.pages, sum.pages_in_use += s.pages_in_use;
    sum.prompt_tokens += s.prompt_tokens, sum.cached_tokens += s.cached_tokens;
    sum.new_tokens += s.new_tokens, sum.steps += s.steps, sum.step_tokens += s.step_tokens;
    sum.finished += s.finished, sum.dropped += s.dropped;
  }
  return sum;
}

void DecoderPool::observe(const std::shared_ptr<BatchObserver>& observer) {
  for (const auto& replica : replicas_) replica->observe(observer);
}

std::vector<Output> DecoderPool::run(std::vector<Sequence> sequences, const Call& call,
                                     CallTimes* times) {
  return least_busy().run(std::move(sequences), call, times);
}

std::unique_ptr<Generation> DecoderPool::generate(GenerateRequest request, const Call& call,
                                                  int64_t room) {
  return least_busy().generate(std::move(request), call, room);
}

size_t DecoderPool::least_busy(std::span<const SchedulerStats> replicas) {
  return std::min_element(replicas.begin(), replicas.end(),
                          [](const SchedulerStats& a, const SchedulerStats& b) {
                            return a.unfinished_tokens < b.unfinished_tokens;
                          }) -
         replicas.begin();
}

DecoderRunner& DecoderPool::least_busy() const {
  if (replicas_.size() == 1) return *replicas_.front();
  std::vector<SchedulerStats> stats;
  for (const auto& replica : replicas_) stats.push_back(replica->stats());
  return *replicas_[least_busy(stats)];
}

}  // namespace winnow
