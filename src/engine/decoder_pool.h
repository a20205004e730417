// The replicas of one decoder, a device each: a call goes to the one with the fewest tokens left.
// Thread-safe.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/decoder_runner.h"

namespace winnow {

class DecoderPool {
 public:
  // At least one; all of the same model, so that it does not matter who answers.
  explicit DecoderPool(std::vector<std::unique_ptr<DecoderRunner>> replicas);

  // Of all replicas together, and of one.
  SchedulerStats stats() const;
  SchedulerStats stats(size_t replica) const { return replicas_[replica]->stats(); }
  size_t replicas() const { return replicas_.size(); }
  void observe(const std::shared_ptr<BatchObserver>& observer);

  // As DecoderRunner's, by one replica: what a call's texts have in common is computed once.
  std::vector<Output> run(std::vector<Sequence> sequences, const Call& call, CallTimes* times);
  std::unique_ptr<Generation> generate(GenerateRequest request, const Call& call, int64_t room);

  // The index of the one with the fewest tokens left; of equal ones the first, which may have kept
  // the beginning of a text. Not empty.
  static size_t least_busy(std::span<const SchedulerStats> replicas);

 private:
  DecoderRunner& least_busy() const;

  std::vector<std::unique_ptr<DecoderRunner>> replicas_;
};

}  // namespace winnow
