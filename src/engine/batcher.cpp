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

struct Batcher::State {
  std::unique_ptr<Executor> executor;
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
  std::thread thread;

  void forget(const Job& job) {  // takes what has not begun out of the counts
    for (size_t i = job.next; i < job.sequences.size(); ++i) {
      --stats.queued_sequences;
      stats.queued_tokens -= static_cast<int64_t>(job.sequences[i].ids.size());
    }
  }
};

Batcher::Batcher(std::unique_ptr<Executor> executor, const BatcherOptions& options)
    : state_(std::make_unique<State>()) {
  state_->executor = std::move(executor);
  state_->options = options;
  state_->thread = std::thread([this] { loop(); });
}

Batcher::~Batcher() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  state_->thread.join();
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

std::vector<Batcher::Place> Batcher::pack(PackedBatch& batch) {
  const int64_t budget =
      std::min(state_->options.max_batch_tokens, state_->executor->step_tokens());
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

void Batcher::deliver(const std::vector<Place>& places, std::vector<Output> outputs,
                      double seconds) {
  for (size_t i = 0; i < places.size(); ++i) {
    Job& job = *places[i].job;
    job.outputs[places[i].index] = std::move(outputs[i]);
    job.compute_seconds += seconds;
    ++job.finished;
    if (job.ended()) job.done.notify_all();
  }
}

// A batch that failed fails each call that has a text in it, and what those calls still have
// waiting.
void Batcher::abandon(const std::vector<Place>& places, const std::exception_ptr& error) {
  for (const Place& place : places) {
    if (place.job->error) continue;
    place.job->error = error;
    place.job->done.notify_all();
  }
}

void Batcher::loop() {
  PackedBatch batch;
  std::unique_lock lock(state_->mutex);
  for (;;) {
    state_->wake.wait(lock, [&] { return state_->stop || !state_->jobs.empty(); });
    if (state_->stop) break;
    drop_late();
    const std::vector<Place> places = pack(batch);
    if (places.empty()) continue;
    const std::shared_ptr<BatchObserver> observer = state_->observer;
    lock.unlock();
    std::vector<Output> outputs;
    std::exception_ptr error;
    const Clock::time_point start = Clock::now();
    try {
      outputs = state_->executor->run(batch);
    } catch (...) {
      error = std::current_exception();
    }
    const double seconds = seconds_between(start, Clock::now());
    if (observer) observer->on_batch(batch.texts(), batch.tokens(), seconds);
    lock.lock();
    ++state_->stats.batches;
    state_->stats.batch_tokens += batch.tokens();
    state_->stats.sequences += batch.texts();
    if (error)
      abandon(places, error);
    else
      deliver(places, std::move(outputs), seconds);
  }
  for (const std::shared_ptr<Job>& job : state_->jobs) {
    job->error = std::make_exception_ptr(Error(Code::kCancelled, "the engine is stopping"));
    job->done.notify_all();
  }
}

}  // namespace winnow
