// An executor runs packed batches of one model, one at a time: in this process, or (later) in
// another.
#pragma once

#include <memory>
#include <vector>

#include "engine/packed_batch.h"
#include "models/registry.h"

namespace winnow {

class Executor {
 public:
  virtual ~Executor() = default;

  // One output a text. Called by one thread at a time. Throws what the model's verbs throw.
  virtual std::vector<Output> run(const PackedBatch& batch) = 0;

  // As many tokens as make a batch efficient here: a larger one gains nothing and only makes others
  // wait.
  virtual int64_t step_tokens() const = 0;
};

// In this process, on `threads` threads of the CPU, or on a GPU. The network must outlive it. On a
// device with memory of its own it computes a batch of most_tokens at once, so that all memory is
// taken before the first call; where that does not fit, halves of it: step_tokens follows. Throws
// kOverloaded when not even the longest text fits.
std::unique_ptr<Executor> make_local_executor(const Network& network, const Kernels& kernels,
                                              int threads, int64_t most_tokens);

}  // namespace winnow
