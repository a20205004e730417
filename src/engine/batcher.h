// The batcher: sequences of many callers into token-packed batches for executors, whichever is
// free. Thread-safe.
//
// Each call's sequences wait as one job. A batch takes one sequence from each job in turn, as far
// as its token budget goes, so a large job does not starve small ones. Nothing is padded, and no
// sequence waits for company: a batch starts as soon as an executor is free. A batch for which a
// device has no memory is computed in halves; only a text that alone is too large fails.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/executor.h"

namespace winnow {

struct BatcherOptions {
  int64_t max_batch_tokens = 16384;
  int64_t max_queue_tokens = 1 << 22;
};

class Batcher {
 public:
  // At least one executor; each has a thread of its own.
  Batcher(std::vector<std::unique_ptr<Executor>> executors, const BatcherOptions& options);
  ~Batcher();  // ends after the batches in hand; calls still waiting throw kCancelled
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  // One output a sequence, in order; blocks. times, where given, gets queue and compute means and
  // the token count. Throws kOverloaded when more than max_queue_tokens would wait (a call alone in
  // the queue is always taken), kDeadline or kCancelled when what had not begun was dropped, and
  // what the executor throws.
  std::vector<Output> run(std::vector<Sequence> sequences, const Call& call, CallTimes* times);

  // observe: before the first call; from then on each batch is told to it.
  EngineStats stats() const;
  void observe(std::shared_ptr<BatchObserver> observer);

 private:
  struct Job;
  struct Place;
  struct State;

  struct Computed;

  void loop(Executor& executor);
  void drop_late();
  std::vector<Place> pack(PackedBatch& batch, const Executor& executor);
  void deliver(const std::vector<Place>& places, std::vector<Computed> computed, double seconds);
  static void compute(Executor& executor, const PackedBatch& batch, std::vector<Computed>& out);

  std::unique_ptr<State> state_;
};

}  // namespace winnow
