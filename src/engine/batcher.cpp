#include "engine/batcher.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

namespace winnow {

using Clock = std::chrono::steady_clock;

namespace {
double seconds_between(Clock::time_point a, Clock::time_point b) {
  return std::chrono::duration<double>(b - a).count();
}
}  // namespace

// One call's sequences. All fields are guarded by the state's mutex once the job is queued.
struct Batcher::Job {
  std::vector<Sequence> sequences;
  Call call;
  std::vector<Output> outputs;
  size_t next = 0;      // the first sequence that no batch has taken
  size_t finished = 0;  // delivered; equal to the size: the call may return
  std::exception_ptr error;
  Clock::time_point queued = Clock::now();
  double queue_seconds = 0, compute_seconds = 0;  // sums over sequences
  std::condition_variable done;

  bool ended() const { return error || finished == sequences.size(); }
};

// Where a batch's text came from.
struct Batcher::Place {
  std::shared_ptr<Job> job;
  size_t index;
};

// What became of a batch's text.
struct Batcher::Computed {
  Output output;
  std::exception_ptr error;
};

struct Batcher::State {
  std::vector<std::unique_ptr<Executor>> executors;
  BatcherOptions options;
  std::shared_ptr<BatchObserver> observer;
  mutable std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::shared_ptr<Job>>
      jobs;  // with sequences that no batch has taken; the front is served first
  EngineStats stats{};
  bool stop = false;
  int callers = 0;  // inside run: the state must outlive them
  std::condition_variable left;
  std::vector<std::thread> threads;

  void forget(const Job& job) {  // takes what has not begun out of the counts
    for (size_t i = job.next; i < job.sequences.size(); ++i) {
      --stats.queued_sequences;
      stats.queued_tokens -= static_cast<int64_t>(job.sequences[i].ids.size());
    }
  }
};

Batcher::Batcher(std::vector<std::unique_ptr<Executor>> executors, const BatcherOptions& options)
    : state_(std::make_unique<State>()) {
  state_->executors = std::move(executors);
  state_->options = options;
  for (const auto& executor : state_->executors)
    state_->threads.emplace_back([this, e = executor.get()] { loop(*e); });
}

Batcher::~Batcher() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
  std::unique_lock lock(state_->mutex);
  state_->left.wait(lock, [&] { return state_->callers == 0; });
}

void Batcher::observe(std::shared_ptr<BatchObserver> observer) {
  std::lock_guard lock(state_->mutex);
  state_->observer = std::move(observer);
}

EngineStats Batcher::stats() const {
  std::lock_guard lock(state_->mutex);
  return state_->stats;
}

std::vector<Output> Batcher::run(std::vector<Sequence> sequences, const Call& call,
                                 CallTimes* times) {
  if (sequences.empty()) return {};
  int64_t tokens = 0;
  for (const Sequence& s : sequences) tokens += static_cast<int64_t>(s.ids.size());
  auto job = std::make_shared<Job>();
  job->sequences = std::move(sequences);
  job->outputs.resize(job->sequences.size());
  job->call = call;

  std::unique_lock lock(state_->mutex);
  EngineStats& stats = state_->stats;
  if (state_->stop) fail(Code::kCancelled, "the engine is stopping");
  if (stats.queued_tokens > 0 && stats.queued_tokens + tokens > state_->options.max_queue_tokens)
    fail(Code::kOverloaded, "the queue is full: ", stats.queued_tokens, " tokens wait, at most ",
         state_->options.max_queue_tokens, " may; try again later");
  stats.queued_sequences += static_cast<int64_t>(job->sequences.size());
  stats.queued_tokens += tokens;
  state_->jobs.push_back(job);
  state_->wake.notify_one();
  ++state_->callers;
  job->done.wait(lock, [&] { return job->ended(); });
  if (--state_->callers == 0) state_->left.notify_all();
  if (job->error) std::rethrow_exception(job->error);
  if (times) {
    const auto count = static_cast<double>(job->sequences.size());
    times->queue = job->queue_seconds / count;
    times->compute = job->compute_seconds / count;
    times->tokens = tokens;
  }
  return std::move(job->outputs);
}

void Batcher::drop_late() {
  const Clock::time_point now = Clock::now();
  std::erase_if(state_->jobs, [&](const std::shared_ptr<Job>& job) {
    const bool gone = job->call.cancelled && job->call.cancelled->load(std::memory_order_relaxed);
    const bool late = job->call.deadline <= now;
    if (!gone && !late && !job->error) return false;
    state_->forget(*job);
    state_->stats.dropped_sequences += static_cast<int64_t>(job->sequences.size() - job->next);
    if (!job->error)
      job->error =
          std::make_exception_ptr(gone ? Error(Code::kCancelled, "the client went away")
                                       : Error(Code::kDeadline, "the request's deadline passed"));
    job->done.notify_all();
    return true;
  });
}

std::vector<Batcher::Place> Batcher::pack(PackedBatch& batch, const Executor& executor) {
  const int64_t budget = std::min(state_->options.max_batch_tokens, executor.step_tokens());
  const Clock::time_point now = Clock::now();
  std::vector<Place> places;
  batch.clear();
  std::deque<std::shared_ptr<Job>>& jobs = state_->jobs;
  size_t passed_over = 0;  // jobs in a row whose next sequence does not fit
  while (!jobs.empty() && passed_over < jobs.size()) {
    std::shared_ptr<Job> job = std::move(jobs.front());
    jobs.pop_front();
    const Sequence& sequence = job->sequences[job->next];
    const auto tokens = static_cast<int64_t>(sequence.ids.size());
    if (batch.texts() > 0 && batch.tokens() + tokens > budget) {
      ++passed_over;
      jobs.push_back(std::move(job));
      continue;
    }
    passed_over = 0;
    batch.add(sequence);
    places.push_back({job, job->next++});
    job->queue_seconds += seconds_between(job->queued, now);
    --state_->stats.queued_sequences;
    state_->stats.queued_tokens -= tokens;
    if (job->next < job->sequences.size()) jobs.push_back(std::move(job));
  }
  return places;
}

// A text that failed fails its call, and what the call still has waiting.
void Batcher::deliver(const std::vector<Place>& places, std::vector<Computed> computed,
                      double seconds) {
  for (size_t i = 0; i < places.size(); ++i) {
    Job& job = *places[i].job;
    if (computed[i].error) {
      if (!job.error) job.error = computed[i].error;
    } else {
      job.outputs[places[i].index] = std::move(computed[i].output);
      job.compute_seconds += seconds;
      ++job.finished;
    }
    if (job.ended()) job.done.notify_all();
  }
}

// Appends what became of each text of the batch.
void Batcher::compute(Executor& executor, const PackedBatch& batch, std::vector<Computed>& out) {
  try {
    for (Output& output : executor.run(batch)) out.push_back({std::move(output), nullptr});
    return;
  } catch (const Error& error) {
    if (error.code() != Code::kOverloaded || batch.texts() == 1) {
      out.resize(out.size() + batch.texts(), {{}, std::current_exception()});
      return;
    }
  } catch (...) {
    out.resize(out.size() + batch.texts(), {{}, std::current_exception()});
    return;
  }
  const int64_t middle = batch.texts() / 2;
  compute(executor, batch.part(0, middle), out);
  compute(executor, batch.part(middle, batch.texts()), out);
}

void Batcher::loop(Executor& executor) {
  PackedBatch batch;
  std::unique_lock lock(state_->mutex);
  for (;;) {
    state_->wake.wait(lock, [&] { return state_->stop || !state_->jobs.empty(); });
    if (state_->stop) break;
    drop_late();
    const std::vector<Place> places = pack(batch, executor);
    if (places.empty()) continue;
    if (!state_->jobs.empty()) state_->wake.notify_one();  // there is work for another executor
    const std::shared_ptr<BatchObserver> observer = state_->observer;
    lock.unlock();
    std::vector<Computed> computed;
    const Clock::time_point start = Clock::now();
    compute(executor, batch, computed);
    const double seconds = seconds_between(start, Clock::now());
    if (observer) observer->on_batch(batch.texts(), batch.tokens(), seconds);
    lock.lock();
    ++state_->stats.batches;
    state_->stats.batch_tokens += batch.tokens();
    state_->stats.sequences += batch.texts();
    deliver(places, std::move(computed), seconds);
  }
  for (const std::shared_ptr<Job>& job : state_->jobs) {
    job->error = std::make_exception_ptr(Error(Code::kCancelled, "the engine is stopping"));
    job->done.notify_all();
  }
}

}  // namespace winnow
