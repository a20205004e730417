#include "tasks/pushdown.h"

#include <algorithm>

#include "base/error.h"

namespace winnow {

using Op = ByteProgram::Op;

Pushdown::Pushdown(std::shared_ptr<const ByteProgram> program, int rule, int max_depth)
    : program_(std::move(program)), needed_(program_->depths_needed()), max_depth_(max_depth) {
  for (const int needed : needed_)
    if (needed < ByteProgram::kNever) most_needed_ = std::max(most_needed_, needed);
  if (needed_[program_->start(rule)] > max_depth)
    fail(Code::kInvalidArgument, "schema: want one that a document of at most ", max_depth,
         " levels can satisfy, got one that none can");
  begin();
  start_ = close({{program_->start(rule), 0, 0}});
}

Pushdown::Pushdown(const Pushdown& other, State state)
    : program_(other.program_),
      needed_(other.needed_),
      max_depth_(other.max_depth_),
      most_needed_(other.most_needed_) {
  begin();
  std::vector<Thread> threads;
  for (const uint32_t id : other.states_[state]) threads.push_back(other.threads_[id]);
  std::vector<bool> kept(other.frames_.size(), false);
  for (const Thread& t : threads)
    for (Stack s = t.stack; s != 0 && !kept[s]; s = other.frames_[s].parent) kept[s] = true;
  std::vector<Stack> here(other.frames_.size(), 0);
  for (Stack s = 1; s < kept.size(); ++s) {  // a frame's parent is older than it
    const Frame& f = other.frames_[s];
    if (kept[s]) here[s] = frame({f.pc, f.count, here[f.parent], f.depth});
  }
  for (Thread& t : threads) t.stack = here[t.stack];
  start_ = close(std::move(threads));
}

void Pushdown::begin() {
  frames_.push_back({.pc = kDone, .count = 0, .parent = 0, .depth = 0});
  state_of({});  // kDead
}

uint32_t Pushdown::thread_id(const Thread& t) {
  const auto [at, added] = thread_ids_.try_emplace({t.pc, t.count, t.stack}, threads_.size());
  if (added) {
    threads_.push_back(t);
    seen_.push_back(0);
  }
  return at->second;
}

Pushdown::Stack Pushdown::frame(const Frame& f) {
  const auto [at, added] =
      frame_ids_.try_emplace({f.pc, f.count, f.parent, f.depth}, frames_.size());
  if (added) frames_.push_back(f);
  return at->second;
}

Pushdown::Stack Pushdown::open_bottom(int depth) {
  return frame({.pc = kDone, .count = 0, .parent = 0, .depth = depth});
}

Pushdown::State Pushdown::state_of(std::vector<uint32_t> threads) {
  const auto [at, added] = state_ids_.try_emplace(std::move(threads), states_.size());
  if (added) {
    states_.push_back(at->first);
    tables_.push_back(std::make_unique<Table>());
    tables_.back()->fill(kUnknown);
    done_.push_back(std::any_of(at->first.begin(), at->first.end(),
                                [&](uint32_t t) { return threads_[t].pc == kDone; }));
  }
  return at->second;
}

// Fills the table for all bytes around this one that the same threads take.
Pushdown::State Pushdown::compute(State state, uint8_t byte) {
  std::vector<Thread> work;
  int low = 0, high = 255;
  for (const uint32_t id : states_[state]) {
    const Thread& t = threads_[id];
    if (t.pc == kDone) continue;
    const ByteProgram::Instruction& i = program_->at(t.pc);
    if (byte < i.low) {
      high = std::min(high, i.low - 1);
    } else if (byte > i.high) {
      low = std::max(low, i.high + 1);
    } else {
      low = std::max<int>(low, i.low);
      high = std::min<int>(high, i.high);
      work.push_back({i.next, t.count, t.stack});
    }
  }
  const State next = close(std::move(work));
  std::fill(tables_[state]->begin() + low, tables_[state]->begin() + high + 1, next);
  return next;
}

// Follows everything that takes no byte.
Pushdown::State Pushdown::close(std::vector<Thread> work) {
  ++closure_;
  std::vector<uint32_t> resting;
  while (!work.empty()) {
    const Thread t = work.back();
    work.pop_back();
    const uint32_t id = thread_id(t);
    if (seen_[id] == closure_) continue;
    seen_[id] = closure_;
    if (t.pc == kDone)
      resting.push_back(id);
    else if (frames_[t.stack].depth + needed_[t.pc] <= max_depth_)
      follow(t, work, resting);
    if (resting.size() > kMaxThreads)
      fail(Code::kUnsupported, "schema: want one whose alternatives differ early, got more than ",
           kMaxThreads, " that are possible at once");
  }
  std::sort(resting.begin(), resting.end());
  return state_of(std::move(resting));
}

void Pushdown::follow(const Thread& t, std::vector<Thread>& work, std::vector<uint32_t>& resting) {
  const ByteProgram::Instruction& i = program_->at(t.pc);
  switch (i.op) {
    case Op::kByte:
      resting.push_back(thread_id(t));
      break;
    case Op::kSplit:
      work.push_back({i.next, t.count, t.stack});
      work.push_back({i.other, t.count, t.stack});
      break;
    case Op::kCall: {
      // A call that is followed by a return leaves its own caller's frame to the callee.
      const bool tail = program_->at(i.next).op == Op::kReturn;
      const Stack stack =
          tail ? t.stack : frame({i.next, t.count, t.stack, frames_[t.stack].depth + 1});
      work.push_back({program_->start(i.other), 0, stack});
      break;
    }
    case Op::kReturn: {
      const Frame& f = frames_[t.stack];
      if (f.pc == kDone)
        work.push_back({kDone, 0, t.stack});
      else
        work.push_back({f.pc, f.count, f.parent});
      break;
    }
    case Op::kCount:
      work.push_back({i.next, std::min(t.count + 1, i.other), t.stack});
      break;
    case Op::kReset:
      work.push_back({i.next, 0, t.stack});
      break;
    case Op::kBelow:
      if (t.count < i.other) work.push_back({i.next, t.count, t.stack});
      break;
    case Op::kAtLeast:
      if (t.count >= i.other) work.push_back({i.next, t.count, t.stack});
      break;
    case Op::kFail:
      break;
  }
}

std::vector<Pushdown::Part> Pushdown::parts(State state, int growth) {
  std::map<Stack, std::vector<Thread>> groups;
  for (const uint32_t id : states_[state])
    if (threads_[id].pc != kDone) groups[threads_[id].stack].push_back(threads_[id]);
  std::vector<Part> out;
  for (auto& [stack, threads] : groups) {
    const Frame f = frames_[stack];
    // Far from the limit the depth makes no difference, and the part is that of any depth.
    const bool far = f.depth + growth + most_needed_ <= max_depth_;
    const Stack bottom = open_bottom(far ? 0 : f.depth);
    for (Thread& t : threads) t.stack = bottom;
    const State local = close(std::move(threads));
    out.push_back({local, f.pc == kDone ? kDead : close({{f.pc, f.count, f.parent}})});
  }
  return out;
}

}  // namespace winnow
