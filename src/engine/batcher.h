// The batcher: sequences of many callers into token-packed batches for one executor. Thread-safe.
//
// Each call's sequences wait as one job. A batch takes one sequence from each job in turn, as far
// as its token budget goes, so a large job does not starve small ones. Nothing is padded, and no
// sequence waits for company: a batch starts as soon as the executor is free.
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
  Batcher(std::unique_ptr<Executor> executor, const BatcherOptions& options);
  ~Batcher();  // ends after the batch in hand; calls still waiting throw kCancelled
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

  void loop();
  void drop_late();
  std::vector<Place> pack(PackedBatch& batch);
  void deliver(const std::vector<Place>& places, std::vector<Output> outputs, double seconds);
  void abandon(const std::vector<Place>& places, const std::exception_ptr& error);

  std::unique_ptr<State> state_;
};

}  // namespace winnow
