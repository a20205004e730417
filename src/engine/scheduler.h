// The scheduler: texts of many callers through one decoder, step by step. Thread-safe.
//
// A step computes the next token of every text that is being generated, and as much of the waiting
// prompts as its budget leaves room for. Texts come and go between steps. What the branches of one
// call begin with in common is computed once, and so is what an earlier text began with (PagePool).
// A text is admitted when there are pages for all that it may become, so none ever has to stop for
// lack of memory. A text's tokens do not depend on any of this: every row is computed for itself.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "models/decoders.h"

namespace winnow {

// Who reads the rows of one text. Called from the scheduler's thread, must be quick.
class RowReader {
 public:
  virtual ~RowReader() = default;
  // Its first token is about to be computed; `cached` of its tokens need not be.
  virtual void begin(int64_t cached) = 0;
  // The network's row after the text's last token. Returns the token that goes on, or none: the
  // text has ended.
  virtual std::optional<int32_t> read(std::span<const float> row) = 0;
  // Whether the best token alone is enough for it; then it gets read_best instead, which answers as
  // read does.
  virtual bool wants_best() const { return false; }
  virtual std::optional<int32_t> read_best(TokenLogit best) {
    fail(Code::kInternal, "read_best: want a reader of best tokens, got token ", best.id);
  }
  // Called once, last: null at the text's own end, else why there will be no more rows.
  virtual void close(std::exception_ptr error) = 0;
};

struct Branch {
  std::vector<int32_t> ids;  // not empty
  int64_t most_new = 0;      // tokens that its reader will give at most
  std::shared_ptr<RowReader> reader;
};

struct SchedulerOptions {
  int64_t pages = 0;              // of 32 tokens
  int64_t step_tokens = 512;      // a step's budget
  int64_t busy_step_tokens = 64;  // and when texts are being generated, which wait for it
  int64_t max_queue_tokens = 1 << 22;
  int64_t max_running = 256;  // texts
};

class Scheduler {
 public:
  // The network must outlive it.
  Scheduler(const DecoderNetwork& network, const Kernels& kernels, int threads,
            const SchedulerOptions& options);
  ~Scheduler();  // ends after the step in hand; readers get kCancelled
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Queues branches that belong together. Throws kOverloaded when more than max_queue_tokens would
  // wait, kTooLong when a branch and the tokens that it may get need more pages than there are.
  // Later errors go to the readers: kDeadline, kCancelled, what the model's verbs throw.
  void submit(std::vector<Branch> branches, const Call& call);

  // observe: before the first submit; each step is told to it, its texts and its tokens.
  SchedulerStats stats() const;
  void observe(std::shared_ptr<BatchObserver> observer);

 private:
  struct Group;
  struct Text;
  struct Step;
  struct State;

  void loop();
  void drop_late();
  void admit();
  bool open(const std::shared_ptr<Group>& group);
  bool admit_branch(const std::shared_ptr<Group>& group);
  void build(Step& step);
  void run(Step& step);
  void read(Step& step, const Tensor& out);
  void settle(Step& step);
  void abandon(const Step& step, const std::exception_ptr& error);
  void end(Text& text, const std::exception_ptr& error);
  void release_copied(Text& text);
  void give_back_shared();

  std::unique_ptr<State> state_;
};

}  // namespace winnow
