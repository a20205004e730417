// A byte-level pushdown automaton: a program of byte ranges, choices, rules that call each other
// and a counter a call, run as a deterministic automaton whose states are made when they are met.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace winnow {

// Instructions are built from the end to the beginning: each builder takes what follows and returns
// what now begins. The same instruction asked for twice is one.
class ByteProgram {
 public:
  enum class Op : uint8_t {
    kByte,
    kSplit,
    kCall,
    kReturn,
    kCount,
    kReset,
    kBelow,
    kAtLeast,
    kFail
  };
  struct Instruction {
    Op op;
    uint8_t low = 0, high = 0;  // kByte
    int32_t next = -1;
    int32_t other = -1;  // kSplit: the other choice; kCall: the rule; kCount, kBelow, kAtLeast: n
    auto operator<=>(const Instruction&) const = default;  // NOLINT(modernize-use-nullptr)
  };

  // Throws kUnsupported when the program has more than 200,000 instructions.
  int byte(uint8_t low, uint8_t high, int next);
  int literal(std::string_view bytes, int next);
  int split(std::span<const int> choices);  // none: fail
  int split(int a, int b) { return split(std::array{a, b}); }
  int call(int rule, int next);
  int finish();                   // returns to the caller
  int fail();                     // no way on
  int count(int cap, int next);   // adds 1 to the call's counter, up to cap
  int reset(int next);            // sets it to 0
  int below(int n, int next);     // only where it is below n
  int at_least(int n, int next);  // only where it is n or more
  int code_points(uint32_t low, uint32_t high, int next);  // UTF-8 of a range, without surrogates

  // A choice whose branches come later, for loops.
  int loop();
  void close_loop(int loop, int a, int b);

  // Rules are declared before they are defined, so that they may call each other.
  int declare_rule();
  void define_rule(int rule, int start) { starts_[rule] = start; }

  const Instruction& at(int pc) const { return code_[pc]; }
  int start(int rule) const { return starts_[rule]; }
  int size() const { return static_cast<int>(code_.size()); }

  // For each instruction, how many calls deep the shortest way from it to its rule's end goes; at
  // least kNever where there is none.
  static constexpr int kNever = 1 << 20;
  std::vector<int> depths_needed() const;

 private:
  int add(const Instruction& instruction);

  std::vector<Instruction> code_;
  std::vector<int> starts_;
  std::map<Instruction, int> known_;
};

// Runs a program. A state is a set of threads, each with its stack of callers; state 0 is the empty
// set. Nothing is followed that cannot end within max_depth calls, so that every state but 0 leads
// to an accepted text. Not thread-safe. Grows with the states met: size() says by how many.
class Pushdown {
 public:
  using State = uint32_t;
  using Stack = uint32_t;
  struct Thread {
    int32_t pc;  // at a byte range, or kDone: the bottom of the stack has been returned to
    int32_t count;
    Stack stack;
  };
  static constexpr State kDead = 0;
  static constexpr int32_t kDone = -1;

  // Throws kInvalidArgument when no text at all is accepted within max_depth calls.
  Pushdown(std::shared_ptr<const ByteProgram> program, int rule, int max_depth);

  // The same program begun anew at one state of another: its start() is that state.
  Pushdown(const Pushdown& other, State state);

  State start() const { return start_; }

  // The state after one more byte. Throws kUnsupported when it would have more than 1,000 threads
  // (a grammar so ambiguous that they double with each level).
  State step(State state, uint8_t byte) {
    const uint32_t known = (*tables_[state])[byte];
    return known != kUnknown ? known : compute(state, byte);
  }

  bool done(State state) const { return done_[state]; }  // has a thread that is kDone
  size_t size() const { return states_.size(); }

  // A state in parts: for each stack among its threads, the state of those threads alone over an
  // open bottom, and the state after that bottom is returned to (kDead at the true bottom). Threads
  // that are done are in none. growth: how many calls a token may go deeper.
  struct Part {
    State local;
    State after;
  };
  std::vector<Part> parts(State state, int growth);

 private:
  static constexpr uint32_t kUnknown = ~0u;
  static constexpr size_t kMaxThreads = 1000;
  struct Frame {
    int32_t pc;
    int32_t count;
    Stack parent;
    int depth;
  };
  using Table = std::array<uint32_t, 256>;

  State compute(State state, uint8_t byte);
  State close(std::vector<Thread> work);
  void follow(const Thread& thread, std::vector<Thread>& work, std::vector<uint32_t>& resting);
  uint32_t thread_id(const Thread& thread);
  Stack frame(const Frame& frame);
  Stack open_bottom(int depth);
  State state_of(std::vector<uint32_t> threads);
  void begin();

  std::shared_ptr<const ByteProgram> program_;
  std::vector<int> needed_;
  int max_depth_;
  int most_needed_ = 0;
  State start_ = kDead;

  std::vector<Frame> frames_;  // 0: the bottom
  std::map<std::tuple<int32_t, int32_t, Stack, int>, Stack> frame_ids_;
  std::vector<Thread> threads_;
  std::map<std::tuple<int32_t, int32_t, Stack>, uint32_t> thread_ids_;
  std::vector<uint32_t> seen_;  // by thread: the last closure that met it
  uint32_t closure_ = 0;
  std::vector<std::vector<uint32_t>> states_;
  std::map<std::vector<uint32_t>, State> state_ids_;
  std::vector<std::unique_ptr<Table>> tables_;
  std::vector<bool> done_;
};

}  // namespace winnow
