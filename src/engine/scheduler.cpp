// Long because a text's whole life, from its waiting to its end, is read in one place.
#include "engine/scheduler.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/thread_pool.h"
#include "engine/page_pool.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;

// A common beginning shorter than this is not worth a text of its own.
constexpr int64_t kLeastShared = 16;

int64_t pages_of(int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

std::exception_ptr error_of(Code code, const std::string& message) {
  return std::make_exception_ptr(Error(code, message));
}

// How many tokens all branches begin with, leaving each at least one of its own.
int64_t common_beginning(const std::vector<Branch>& branches) {
  if (branches.size() < 2) return 0;
  const std::vector<int32_t>& first = branches.front().ids;
  int64_t common = static_cast<int64_t>(first.size()) - 1;
  for (const Branch& b : branches) {
    const int64_t most = std::min(common, static_cast<int64_t>(b.ids.size()) - 1);
    common =
        std::mismatch(first.begin(), first.begin() + most, b.ids.begin()).first - first.begin();
  }
  return common < kLeastShared ? 0 : common;
}

}  // namespace

// One submit. Branches from `next` on wait.
struct Scheduler::Group {
  std::vector<Branch> branches;
  Call call;
  size_t next = 0;
  int64_t common = 0;  // tokens that are computed once
  // Pages of the common beginning, owned; the last may be part full. Empty until it runs or is
  // there: then branches may follow.
  std::vector<int32_t> shared;

  // Why it must not go on, or null.
  std::exception_ptr lapsed(Clock::time_point now) const {
    if (call.cancelled && call.cancelled->load(std::memory_order_relaxed))
      return error_of(Code::kCancelled, "the client went away");
    if (call.deadline <= now) return error_of(Code::kDeadline, "the request's time is over");
    return nullptr;
  }
};

// One text that is being computed.
struct Scheduler::Text {
  std::shared_ptr<Group> group;
  std::shared_ptr<RowReader> reader;  // null: the group's common beginning
  std::vector<int32_t> ids;
  int64_t done = 0;      // tokens whose keys and values are there
  int64_t prompt = 0;    // tokens that were given
  int64_t most_new = 0;  // tokens that may follow
  bool keeps = false;    // its pages are published: it may come again, longer
  std::vector<int32_t> pages;
  std::optional<PageCopy> copy;  // that its first step begins with; its source is owned till then
  bool over = false;

  int64_t left() const { return static_cast<int64_t>(ids.size()) - done; }
  int64_t made() const { return static_cast<int64_t>(ids.size()) - prompt; }
  bool generating() const { return done >= prompt && reader; }
};

// One pass of the decoder: which texts, how many tokens of each, and what came out.
struct Scheduler::Step {
  struct Part {
    Text* text;
    int64_t count;
    int64_t row = -1;             // of the output; -1: nobody reads it
    std::optional<int32_t> next;  // what its reader said
    std::exception_ptr error;     // or threw
  };
  std::vector<Part> parts;
  std::vector<PageCopy> copies;
  std::vector<int32_t> ids, positions, starts{0}, table, table_starts{0}, rows;
};

struct Scheduler::State {
  const DecoderNetwork& network;
  SchedulerOptions options;
  ThreadPool threads;
  Ops ops;
  KvCache cache;

  mutable std::mutex mutex;  // guards all that follows
  std::condition_variable wake;
  PagePool pool;
  std::deque<std::shared_ptr<Group>> groups;  // with branches that wait; the front is served first
  std::deque<std::unique_ptr<Text>> running;
  SchedulerStats stats{};
  std::shared_ptr<BatchObserver> observer;
  bool stop = false;
  std::thread thread;

  State(const DecoderNetwork& network, const Kernels& kernels, int count,
        const SchedulerOptions& options)
      : network(network),
        options(options),
        threads(count),
        ops(kernels, threads),
        cache(kernels, network.model->kv_shape().layers, network.model->kv_shape().kv_heads,
              network.model->kv_shape().head_size, options.pages),
        pool(options.pages) {}

  int64_t waiting_prompt_tokens() const {
    int64_t tokens = 0;
    for (const auto& text : running)
      if (!text->generating()) tokens += text->left();
    return tokens;
  }
};

Scheduler::Scheduler(const DecoderNetwork& network, const Kernels& kernels, int threads,
                     const SchedulerOptions& options)
    : state_(std::make_unique<State>(network, kernels, threads, options)) {
  state_->thread = std::thread([this] { loop(); });
}

Scheduler::~Scheduler() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->wake.notify_all();
  state_->thread.join();
}

void Scheduler::observe(std::shared_ptr<BatchObserver> observer) {
  std::lock_guard lock(state_->mutex);
  state_->observer = std::move(observer);
}

SchedulerStats Scheduler::stats() const {
  std::lock_guard lock(state_->mutex);
  SchedulerStats stats = state_->stats;
  stats.running = static_cast<int64_t>(state_->running.size());
  stats.unfinished_tokens = stats.waiting_tokens;
  for (const auto& text : state_->running)
    stats.unfinished_tokens += text->left() + (text->reader ? text->most_new - text->made() : 0);
  stats.pages = state_->pool.size();
  stats.pages_in_use = stats.pages - state_->pool.available();
  return stats;
}

void Scheduler::submit(std::vector<Branch> branches, const Call& call) {
  if (branches.empty()) return;
  int64_t tokens = 0;
  for (const Branch& b : branches) {
    require(!b.ids.empty(), "submit: want at least one token");
    tokens += static_cast<int64_t>(b.ids.size());
    const auto most = static_cast<int64_t>(b.ids.size()) + b.most_new;
    // One page more: the copy of a shared beginning's last page.
    if (pages_of(most) + 1 > state_->options.pages)
      fail(Code::kTooLong, "the text may become ", most,
           " tokens, and the memory for keys and values "
           "holds ",
           (state_->options.pages - 1) * kPageTokens);
  }
  auto group = std::make_shared<Group>();
  group->common = common_beginning(branches);
  group->branches = std::move(branches);
  group->call = call;
  std::lock_guard lock(state_->mutex);
  SchedulerStats& stats = state_->stats;
  if (state_->stop) fail(Code::kCancelled, "the engine is stopping");
  if (stats.waiting_tokens > 0 && stats.waiting_tokens + tokens > state_->options.max_queue_tokens)
    fail(Code::kOverloaded, "the queue is full: ", stats.waiting_tokens, " tokens wait, at most ",
         state_->options.max_queue_tokens, " may; try again later");
  stats.waiting += static_cast<int64_t>(group->branches.size());
  stats.waiting_tokens += tokens;
  state_->groups.push_back(std::move(group));
  state_->wake.notify_one();
}

// The page that a text's own went on from.
void Scheduler::release_copied(Text& text) {
  if (text.copy) state_->pool.release({&text.copy->from, 1});
  text.copy.reset();
}

// Ends a text that is running: its pages go back. Published ones stay in the tree.
void Scheduler::end(Text& text, const std::exception_ptr& error) {
  text.over = true;
  if (text.keeps && !error) {
    const int64_t whole = text.done / kPageTokens * kPageTokens;
    state_->pool.publish(std::span(text.ids).first(whole), text.pages);
  }
  state_->pool.release(text.pages);
  release_copied(text);
  if (!text.reader) return;
  ++(error ? state_->stats.dropped : state_->stats.finished);
  text.reader->close(error);
}

// Groups and texts whose caller has gone or whose time is over.
void Scheduler::drop_late() {
  const Clock::time_point now = Clock::now();
  for (const auto& text : state_->running)
    if (const std::exception_ptr why = text->group->lapsed(now)) end(*text, why);
  std::erase_if(state_->running, [](const auto& text) { return text->over; });
  std::erase_if(state_->groups, [&](const std::shared_ptr<Group>& group) {
    const std::exception_ptr why = group->lapsed(now);
    if (!why) return false;
    for (; group->next < group->branches.size(); ++group->next) {
      const Branch& b = group->branches[group->next];
      --state_->stats.waiting;
      state_->stats.waiting_tokens -= static_cast<int64_t>(b.ids.size());
      ++state_->stats.dropped;
      b.reader->close(why);
    }
    state_->pool.release(group->shared);
    group->shared.clear();
    return true;
  });
}

// Makes the group's common beginning ready, or begins it: its branches may follow at once, since
// steps take prompts in the order in which they began, and a layer's keys and values are in their
// pages before any is read. False: no pages for it now.
bool Scheduler::open(const std::shared_ptr<Group>& group) {
  if (group->common == 0 || !group->shared.empty()) return true;
  PagePool& pool = state_->pool;
  // Of one that waits: those before it took their ids along.
  const std::vector<int32_t>& ids = group->branches[group->next].ids;
  const std::span<const int32_t> common(ids.data(), static_cast<size_t>(group->common));
  std::vector<int32_t> pages = pool.find(common);
  const auto found = static_cast<int64_t>(pages.size());
  const int64_t need = pages_of(group->common) - found;
  if (pool.available() < need) {
    pool.release(pages);
    return false;
  }
  const std::vector<int32_t> fresh = pool.take(need);
  pages.insert(pages.end(), fresh.begin(), fresh.end());
  state_->stats.cached_tokens += found * kPageTokens;
  group->shared = pages;
  if (found * kPageTokens == group->common) return true;
  auto text = std::make_unique<Text>();
  text->group = group;
  text->ids.assign(common.begin(), common.end());
  text->prompt = group->common;
  text->keeps = true;
  text->done = found * kPageTokens;
  text->pages = std::move(pages);
  pool.keep(text->pages);  // the group's may go back before it has ended
  state_->running.push_back(std::move(text));
  return true;
}

// Begins the group's next branch. False: no pages for it now.
bool Scheduler::admit_branch(const std::shared_ptr<Group>& group) {
  PagePool& pool = state_->pool;
  Branch& branch = group->branches[group->next];
  const auto length = static_cast<int64_t>(branch.ids.size());
  std::vector<int32_t> pages;
  int64_t done = group->common;
  if (done > 0) {
    pages.assign(group->shared.begin(), group->shared.begin() + done / kPageTokens);
    pool.keep(pages);
  } else {
    pages = pool.find(std::span(branch.ids).first(static_cast<size_t>(length - 1)));
    done = static_cast<int64_t>(pages.size()) * kPageTokens;
    state_->stats.cached_tokens += done;
  }
  const int64_t need = pages_of(length + branch.most_new) - static_cast<int64_t>(pages.size());
  if (pool.available() < need) {
    if (group->common == 0) state_->stats.cached_tokens -= done;
    pool.release(pages);
    return false;
  }
  const std::vector<int32_t> fresh = pool.take(need);
  pages.insert(pages.end(), fresh.begin(), fresh.end());
  auto text = std::make_unique<Text>();
  if (const int64_t part = group->common % kPageTokens; part != 0) {
    text->copy = {group->shared.back(), fresh[0], static_cast<int32_t>(part)};
    pool.keep({&text->copy->from, 1});
  }
  text->group = group;
  text->reader = branch.reader;
  text->ids = std::move(branch.ids);
  text->prompt = length;
  text->done = done;
  text->most_new = branch.most_new;
  text->keeps = branch.most_new > 0;
  text->pages = std::move(pages);
  ++group->next;
  --state_->stats.waiting;
  state_->stats.waiting_tokens -= length;
  state_->stats.prompt_tokens += length;
  text->reader->begin(done);
  state_->running.push_back(std::move(text));
  return true;
}

// One branch of each group in turn, until a few steps have enough to do.
void Scheduler::admit() {
  const int64_t enough = 2 * state_->options.step_tokens;
  bool progress = true;
  while (progress) {
    progress = false;
    for (size_t i = 0; i < state_->groups.size(); ++i) {
      const std::shared_ptr<Group> group = state_->groups[i];
      if (state_->waiting_prompt_tokens() >= enough ||
          static_cast<int64_t>(state_->running.size()) >= state_->options.max_running)
        return;
      if (!open(group)) continue;
      if (!admit_branch(group)) continue;
      progress = true;
      if (group->next < group->branches.size()) continue;
      state_->pool.release(group->shared);  // its texts have owners of their own
      group->shared.clear();
      state_->groups.erase(state_->groups.begin() + static_cast<int64_t>(i));
      --i;
    }
  }
  if (state_->running.empty() && state_->groups.size() > 1) give_back_shared();
}

// Nothing runs and nobody can begin: beginnings that wait for their branches hold the pages. All
// but the first group's go back.
void Scheduler::give_back_shared() {
  for (size_t i = 1; i < state_->groups.size(); ++i) {
    Group& group = *state_->groups[i];
    state_->pool.release(group.shared);
    group.shared.clear();
  }
}

// Texts that are being generated first, a token each; then prompts, in the order they came.
void Scheduler::build(Step& step) {
  const auto add = [&](Text& text, int64_t count) {
    if (text.copy) step.copies.push_back(*text.copy);
    for (int64_t t = text.done; t < text.done + count; ++t) {
      step.ids.push_back(text.ids[t]);
      step.positions.push_back(static_cast<int32_t>(t));
    }
    step.starts.push_back(static_cast<int32_t>(step.ids.size()));
    step.table.insert(step.table.end(), text.pages.begin(), text.pages.end());
    step.table_starts.push_back(static_cast<int32_t>(step.table.size()));
    Step::Part part{.text = &text, .count = count, .row = -1, .next = {}, .error = nullptr};
    if (text.reader && count == text.left()) {
      part.row = static_cast<int64_t>(step.rows.size());
      step.rows.push_back(static_cast<int32_t>(step.ids.size()) - 1);
    }
    step.parts.push_back(std::move(part));
  };
  bool busy = false;
  for (const auto& text : state_->running)
    if (text->generating()) add(*text, text->left()), busy = true;
  int64_t budget = busy ? state_->options.busy_step_tokens : state_->options.step_tokens;
  for (const auto& text : state_->running) {
    if (budget <= 0) break;
    if (text->generating()) continue;
    const int64_t count = std::min(budget, text->left());
    add(*text, count);
    budget -= count;
  }
}

// Without the lock: the texts of a step are the scheduler's thread's alone.
void Scheduler::run(Step& step) {
  state_->ops.begin();
  const PageTable table{step.table, step.table_starts, step.copies};
  const Tensor out = state_->network.run(
      state_->ops, {step.ids, step.positions, step.starts, table}, state_->cache, step.rows);
  read(step, out);
}

// A whole row travels only to those who must see it.
void Scheduler::read(Step& step, const Tensor& out) {
  std::vector<int32_t> whole;
  bool best = false;
  for (const Step::Part& part : step.parts) {
    if (part.row < 0) continue;
    if (part.text->reader->wants_best())
      best = true;
    else
      whole.push_back(static_cast<int32_t>(part.row));
  }
  Ops& f = state_->ops;
  const std::vector<TokenLogit> chosen = best ? f.best_tokens(out, 1) : std::vector<TokenLogit>{};
  Tensor rows;
  if (!whole.empty())
    rows = f.to_host(static_cast<int64_t>(whole.size()) == out.dim(0) ? out
                                                                      : f.gather_rows(out, whole));
  int64_t next = 0;  // of rows
  for (Step::Part& part : step.parts) {
    if (part.row < 0) continue;
    RowReader& reader = *part.text->reader;
    try {
      if (reader.wants_best()) {
        if (chosen[part.row].id < 0) fail(Code::kInternal, "sample: want a finite logit, got none");
        part.next = reader.read_best(chosen[part.row]);
      } else {
        const float* row = rows.as<float>() + next++ * rows.row_stride();
        part.next = reader.read({row, static_cast<size_t>(rows.cols())});
      }
    } catch (...) {
      part.error = std::current_exception();
    }
  }
}

void Scheduler::settle(Step& step) {
  SchedulerStats& stats = state_->stats;
  ++stats.steps;
  stats.step_tokens += static_cast<int64_t>(step.ids.size());
  for (Step::Part& part : step.parts) {
    Text& text = *part.text;
    text.done += part.count;
    release_copied(text);
    if (!text.reader) {
      if (text.left() == 0) end(text, nullptr);
    } else if (part.row >= 0) {
      if (part.next && !part.error) {
        ++stats.new_tokens;
        text.ids.push_back(*part.next);
        // Its prompt is whole: others with the same beginning need not wait for its end.
        if (text.keeps && text.done == text.prompt)
          state_->pool.publish(std::span(text.ids).first(text.done / kPageTokens * kPageTokens),
                               text.pages);
      } else {
        end(text, part.error);
      }
    }
  }
  std::erase_if(state_->running, [](const auto& text) { return text->over; });
}

// A step that failed fails its texts, what else of their calls runs (it may go on behind one that
// has failed), and what they still have waiting.
void Scheduler::abandon(const Step& step, const std::exception_ptr& error) {
  std::set<std::shared_ptr<Group>> groups;
  for (const Step::Part& part : step.parts) groups.insert(part.text->group);
  for (const auto& text : state_->running)
    if (groups.contains(text->group)) end(*text, error);
  for (const std::shared_ptr<Group>& group : groups) {
    for (; group->next < group->branches.size(); ++group->next) {
      --state_->stats.waiting;
      state_->stats.waiting_tokens -= static_cast<int64_t>(group->branches[group->next].ids.size());
      ++state_->stats.dropped;
      group->branches[group->next].reader->close(error);
    }
    state_->pool.release(group->shared);
    group->shared.clear();
    std::erase(state_->groups, group);
  }
  std::erase_if(state_->running, [](const auto& text) { return text->over; });
}

void Scheduler::loop() {
  std::unique_lock lock(state_->mutex);
  for (;;) {
    state_->wake.wait(
        lock, [&] { return state_->stop || !state_->groups.empty() || !state_->running.empty(); });
    if (state_->stop) break;
    drop_late();
    admit();
    Step step;
    build(step);
    if (step.parts.empty()) continue;
    const std::shared_ptr<BatchObserver> observer = state_->observer;
    lock.unlock();
    std::exception_ptr error;
    const Clock::time_point start = Clock::now();
    try {
      run(step);
    } catch (...) {
      error = std::current_exception();
    }
    if (observer)
      observer->on_batch(static_cast<int64_t>(step.parts.size()),
                         static_cast<int64_t>(step.ids.size()),
                         std::chrono::duration<double>(Clock::now() - start).count());
    lock.lock();
    if (error)
      abandon(step, error);
    else
      settle(step);
  }
  const std::exception_ptr stopping = error_of(Code::kCancelled, "the engine is stopping");
  for (const auto& text : state_->running)
    if (text->reader) text->reader->close(stopping);
  for (const auto& group : state_->groups)
    for (; group->next < group->branches.size(); ++group->next)
      group->branches[group->next].reader->close(stopping);
}

}  // namespace winnow
