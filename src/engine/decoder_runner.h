// One decoder at work: its scheduler, and the two ways to read it: rows of whole texts (rerank,
// embed), and tokens of growing ones (generate). Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "engine/engine.h"
#include "engine/scheduler.h"
#include "tasks/constraint_cache.h"

namespace winnow {

class DecoderRunner {
 public:
  DecoderRunner(DecoderNetwork network, std::shared_ptr<const Tokenizer> tokenizer,
                std::vector<int32_t> end_tokens, const Kernels& kernels, int threads,
                const SchedulerOptions& options);

  const DecoderNetwork& network() const { return network_; }
  SchedulerStats stats() const { return scheduler_.stats(); }
  // Each step is told to the observer; before the first call.
  void observe(std::shared_ptr<BatchObserver> observer) { scheduler_.observe(std::move(observer)); }

  // The row after each sequence's last token, in order; blocks. What they begin with in common is
  // computed once. Throws as Scheduler::submit and what went wrong with any of them.
  std::vector<Output> run(std::vector<Sequence> sequences, const Call& call, CallTimes* times);

  // As Engine::generate; room: the longest text, in tokens.
  std::unique_ptr<Generation> generate(GenerateRequest request, const Call& call, int64_t room);

 private:
  std::shared_ptr<const TokenTrie> trie();

  DecoderNetwork network_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<int32_t> end_tokens_;
  std::mutex trie_mutex_;
  std::shared_ptr<const TokenTrie> trie_;  // made when the first constraint asks for it
  ConstraintCache constraints_{8};         // their use is the scheduler's thread's
  Scheduler scheduler_;                    // last: it uses the others until it ends
};

}  // namespace winnow
