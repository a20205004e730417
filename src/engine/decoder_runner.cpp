#include "engine/decoder_runner.h"

#include <algorithm>
#include <condition_variable>
#include <deque>

#include "base/error.h"
#include "tasks/stop_text.h"
#include "text/stream_decoder.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;

// The rows of one call, and who waits for them.
struct Gathered {
  std::mutex mutex;
  std::condition_variable done;
  std::vector<Output> outputs;
  size_t left = 0;
  double began = 0, ended = 0;  // seconds since the call, summed over texts
  std::exception_ptr error;
  Clock::time_point start = Clock::now();

  double now() const { return std::chrono::duration<double>(Clock::now() - start).count(); }
};

class RowKeeper final : public RowReader {
 public:
  RowKeeper(std::shared_ptr<Gathered> rows, size_t index) : rows_(std::move(rows)), index_(index) {}
  void begin(int64_t) override {
    std::lock_guard lock(rows_->mutex);
    rows_->began += rows_->now();
  }
  std::optional<int32_t> read(std::span<const float> row) override {
    rows_->outputs[index_].assign(row.begin(), row.end());
    return std::nullopt;
  }
  void close(std::exception_ptr error) override {
    std::lock_guard lock(rows_->mutex);
    rows_->ended += rows_->now();
    if (error && !rows_->error) rows_->error = error;
    if (--rows_->left == 0) rows_->done.notify_all();
  }

 private:
  std::shared_ptr<Gathered> rows_;
  size_t index_;
};

// What a generation's choices write and its reader takes.
struct Pieces {
  std::mutex mutex;
  std::condition_variable ready;
  std::deque<Delta> deltas;
  int open = 0;  // choices that go on
  std::exception_ptr error;
  GenerateUsage usage;
};

struct ChoiceContext {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::vector<int32_t> end_tokens;                     // empty: none ends it
  std::shared_ptr<const std::atomic<bool>> cancelled;  // the caller's, or null
};

// One continuation: rows to tokens, tokens to text that may be sent.
class Choice final : public RowReader {
 public:
  Choice(int index, const GenerateRequest& request, const SamplingOptions& sampling,
         ChoiceContext context, std::optional<JsonConstraint> constraint, int64_t most,
         std::shared_ptr<Pieces> pieces)
      : index_(index),
        context_(std::move(context)),
        sampler_(sampling, request.prompt),
        decoder_(*context_.tokenizer, /*skip_special_tokens=*/true),
        stop_(request.stop),
        constraint_(std::move(constraint)),
        reports_(sampling.top_logprobs >= 0),
        best_is_enough_(sampler_.takes_best() && !constraint_),
        most_(most),
        only_(request.choices == 1),
        pieces_(std::move(pieces)) {}

  void begin(int64_t cached) override {
    std::lock_guard lock(pieces_->mutex);
    if (only_) pieces_->usage.cached_tokens = cached;
  }

  std::optional<int32_t> read(std::span<const float> row) override {
    check_cancelled();
    const Sampled sampled = sampler_.next(row, constraint_ ? &constraint_->allowed() : nullptr);
    if (constraint_) constraint_->accept(sampled.id);
    return take(sampled);
  }

  bool wants_best() const override { return best_is_enough_; }
  std::optional<int32_t> read_best(TokenLogit best) override {
    check_cancelled();
    return take({.id = best.id, .logprob = 0, .top = {}});
  }

  void close(std::exception_ptr error) override {
    std::lock_guard lock(pieces_->mutex);
    --pieces_->open;
    if (error && !pieces_->error) pieces_->error = error;
    pieces_->ready.notify_all();
  }

 private:
  void check_cancelled() const {
    if (context_.cancelled && context_.cancelled->load(std::memory_order_relaxed))
      fail(Code::kCancelled, "the client went away");
  }

  // Returns what read does.
  std::optional<int32_t> take(const Sampled& sampled) {
    ++new_;
    Delta delta{.choice = index_, .text = {}, .reports = {}, .finish = {}};
    const bool end =
        std::binary_search(context_.end_tokens.begin(), context_.end_tokens.end(), sampled.id);
    if (end) {
      delta.finish = Finish::kStop;
    } else {
      if (reports_) delta.reports.push_back(report(sampled));
      delta.text = stop_.push(decoder_.push(sampled.id));
      if (stop_.stopped())
        delta.finish = Finish::kStop;
      else if (new_ == most_)
        delta.finish = Finish::kLength;
    }
    const bool over = delta.finish.has_value();
    if (over && !stop_.stopped()) {
      delta.text += stop_.push(decoder_.finish());
      delta.text += stop_.finish();
      if (stop_.stopped()) delta.finish = Finish::kStop;
    }
    give(std::move(delta));
    if (over) return std::nullopt;
    return sampled.id;
  }

  void give(Delta delta) {
    std::lock_guard lock(pieces_->mutex);
    ++pieces_->usage.new_tokens;
    if (delta.text.empty() && delta.reports.empty() && !delta.finish) return;
    pieces_->deltas.push_back(std::move(delta));
    pieces_->ready.notify_all();
  }

  TokenReport report(const Sampled& sampled) const {
    const auto entry = [&](int32_t id, float logprob) {
      return TokenReport::Entry{id, context_.tokenizer->token_bytes(id), logprob};
    };
    TokenReport out{entry(sampled.id, sampled.logprob), {}};
    for (const TokenLogprob& t : sampled.top) out.top.push_back(entry(t.id, t.logprob));
    return out;
  }

  const int index_;
  const ChoiceContext context_;
  Sampler sampler_;
  StreamDecoder decoder_;
  StopText stop_;
  std::optional<JsonConstraint> constraint_;
  const bool reports_, best_is_enough_;
  const int64_t most_;
  const bool only_;
  int64_t new_ = 0;
  std::shared_ptr<Pieces> pieces_;
};

class Running final : public Generation {
 public:
  Running(std::shared_ptr<Pieces> pieces, std::shared_ptr<std::atomic<bool>> abandoned)
      : pieces_(std::move(pieces)), abandoned_(std::move(abandoned)) {}
  ~Running() override { abandoned_->store(true); }

  std::optional<Delta> next() override {
    std::unique_lock lock(pieces_->mutex);
    pieces_->ready.wait(lock, [&] { return ready(); });
    if (!pieces_->deltas.empty()) {
      Delta delta = std::move(pieces_->deltas.front());
      pieces_->deltas.pop_front();
      return delta;
    }
    if (pieces_->error) std::rethrow_exception(pieces_->error);
    return std::nullopt;
  }

  bool wait_for(double seconds) override {
    std::unique_lock lock(pieces_->mutex);
    return pieces_->ready.wait_for(lock, std::chrono::duration<double>(seconds),
                                   [&] { return ready(); });
  }

  GenerateUsage usage() const override {
    std::lock_guard lock(pieces_->mutex);
    return pieces_->usage;
  }

 private:
  bool ready() const { return !pieces_->deltas.empty() || pieces_->open == 0 || pieces_->error; }

  std::shared_ptr<Pieces> pieces_;
  std::shared_ptr<std::atomic<bool>> abandoned_;
};

}  // namespace

DecoderRunner::DecoderRunner(DecoderNetwork network, std::shared_ptr<const Tokenizer> tokenizer,
                             std::vector<int32_t> end_tokens, const Kernels& kernels, int threads,
                             const SchedulerOptions& options)
    : network_(std::move(network)),
      tokenizer_(std::move(tokenizer)),
      end_tokens_(std::move(end_tokens)),
      scheduler_(network_, kernels, threads, options) {}

std::vector<Output> DecoderRunner::run(std::vector<Sequence> sequences, const Call& call,
                                       CallTimes* times) {
  if (sequences.empty()) return {};
  auto rows = std::make_shared<Gathered>();
  rows->outputs.resize(sequences.size());
  rows->left = sequences.size();
  std::vector<Branch> branches;
  int64_t tokens = 0;
  for (size_t i = 0; i < sequences.size(); ++i) {
    tokens += static_cast<int64_t>(sequences[i].ids.size());
    branches.push_back({.ids = std::move(sequences[i].ids),
                        .most_new = 0,
                        .reader = std::make_shared<RowKeeper>(rows, i)});
  }
  scheduler_.submit(std::move(branches), call);
  std::unique_lock lock(rows->mutex);
  rows->done.wait(lock, [&] { return rows->left == 0; });
  if (rows->error) std::rethrow_exception(rows->error);
  if (times) {
    const auto count = static_cast<double>(rows->outputs.size());
    times->queue = rows->began / count;
    times->compute = (rows->ended - rows->began) / count;
    times->tokens = tokens;
  }
  return std::move(rows->outputs);
}

std::shared_ptr<const TokenTrie> DecoderRunner::trie() {
  std::lock_guard lock(trie_mutex_);
  if (trie_) return trie_;
  std::vector<std::string> bytes(static_cast<size_t>(network_.model->vocab_size()));
  for (int32_t id = 0; id < tokenizer_->vocab_size(); ++id)
    if (tokenizer_->has_token(id) && !tokenizer_->is_special(id))
      bytes[id] = tokenizer_->token_bytes(id);
  for (const int32_t id : end_tokens_) bytes[id].clear();
  return trie_ = std::make_shared<TokenTrie>(bytes, end_tokens_);
}

std::unique_ptr<Generation> DecoderRunner::generate(GenerateRequest request, const Call& call,
                                                    int64_t room) {
  const auto length = static_cast<int64_t>(request.prompt.size());
  require(length > 0, "generate: want a prompt of at least one token");
  require(request.choices >= 1 && request.choices <= 128, "n: want 1 to 128, got ",
          request.choices);
  require(request.max_tokens >= 0, "max_tokens: want at least 0, got ", request.max_tokens);
  for (const int32_t id : request.prompt)
    require(id >= 0 && id < network_.model->vocab_size(), "prompt: want ids below ",
            network_.model->vocab_size(), ", got ", id);
  if (length >= room)
    fail(Code::kTooLong, "the prompt has ", length, " tokens, and the model's context is ", room);
  int64_t most = room - length;
  if (request.max_tokens > 0) most = std::min<int64_t>(most, request.max_tokens);
  check_sampling(request.sampling, network_.model->vocab_size());
  std::optional<JsonConstraint> constraint;
  if (request.json) constraint = constraints_.get(trie(), request.schema, request.json_frame);

  auto pieces = std::make_shared<Pieces>();
  pieces->open = request.choices;
  pieces->usage.prompt_tokens = length;
  auto abandoned = std::make_shared<std::atomic<bool>>(false);
  std::vector<Branch> branches;
  for (int i = 0; i < request.choices; ++i) {
    SamplingOptions sampling = request.sampling;
    sampling.seed += static_cast<uint64_t>(i);
    branches.push_back(
        {.ids = request.prompt,
         .most_new = most,
         .reader = std::make_shared<Choice>(
             i, request, sampling,
             ChoiceContext{tokenizer_, request.ignore_end ? std::vector<int32_t>{} : end_tokens_,
                           call.cancelled},
             constraint, most, pieces)});
  }
  scheduler_.submit(std::move(branches), {.deadline = call.deadline, .cancelled = abandoned});
  return std::make_unique<Running>(std::move(pieces), std::move(abandoned));
}

}  // namespace winnow
