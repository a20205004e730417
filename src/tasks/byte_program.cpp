#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "tasks/pushdown.h"

namespace winnow {

int ByteProgram::add(const Instruction& instruction) {
  const auto [at, added] = known_.try_emplace(instruction, size());
  if (added) {
    if (size() >= 200'000)
      winnow::fail(Code::kUnsupported, "schema: want a grammar of at most 200000 steps, got more");
    code_.push_back(instruction);
  }
  return at->second;
}

int ByteProgram::byte(uint8_t low, uint8_t high, int next) {
  return add({.op = Op::kByte, .low = low, .high = high, .next = next});
}

int ByteProgram::literal(std::string_view bytes, int next) {
  for (size_t i = bytes.size(); i-- > 0;) {
    const auto b = static_cast<uint8_t>(bytes[i]);
    next = byte(b, b, next);
  }
  return next;
}

int ByteProgram::split(std::span<const int> choices) {
  if (choices.empty()) return fail();
  int out = choices.back();
  for (size_t i = choices.size() - 1; i-- > 0;)
    if (choices[i] != out) out = add({.op = Op::kSplit, .next = choices[i], .other = out});
  return out;
}

int ByteProgram::call(int rule, int next) {
  return add({.op = Op::kCall, .next = next, .other = rule});
}
int ByteProgram::finish() { return add({.op = Op::kReturn}); }
int ByteProgram::fail() { return add({.op = Op::kFail}); }
int ByteProgram::count(int cap, int next) {
  return add({.op = Op::kCount, .next = next, .other = cap});
}
int ByteProgram::reset(int next) { return add({.op = Op::kReset, .next = next}); }
int ByteProgram::below(int n, int next) {
  return add({.op = Op::kBelow, .next = next, .other = n});
}
int ByteProgram::at_least(int n, int next) {
  return add({.op = Op::kAtLeast, .next = next, .other = n});
}

int ByteProgram::loop() {
  if (size() >= 200'000)
    winnow::fail(Code::kUnsupported, "schema: want a grammar of at most 200000 steps, got more");
  code_.push_back({.op = Op::kSplit});  // not known_: its branches will be its own
  return size() - 1;
}

void ByteProgram::close_loop(int loop, int a, int b) {
  code_[loop].next = a;
  code_[loop].other = b;
}

int ByteProgram::declare_rule() {
  starts_.push_back(-1);
  return static_cast<int>(starts_.size()) - 1;
}

// Cuts the range until each byte of the encoding has a range of its own, whatever the others are.
int ByteProgram::code_points(uint32_t low, uint32_t high, int next) {
  if (low > high) return fail();
  const auto cut = [&](uint32_t last) {
    return split(code_points(low, last, next), code_points(last + 1, high, next));
  };
  if (low <= 0xDFFF && high >= 0xD800) {
    std::vector<int> sides;
    if (low < 0xD800) sides.push_back(code_points(low, 0xD7FF, next));
    if (high > 0xDFFF) sides.push_back(code_points(0xE000, high, next));
    return split(sides);
  }
  for (const uint32_t last : {0x7Fu, 0x7FFu, 0xFFFFu})
    if (low <= last && high > last) return cut(last);
  if (high <= 0x7F) return byte(static_cast<uint8_t>(low), static_cast<uint8_t>(high), next);
  const int tails = high <= 0x7FF ? 1 : high <= 0xFFFF ? 2 : 3;
  for (int i = 1; i <= tails; ++i) {
    const uint32_t mask = (1u << (6 * i)) - 1;
    if ((low & ~mask) == (high & ~mask)) continue;
    if ((low & mask) != 0) return cut(low | mask);
    if ((high & mask) != mask) return cut((high & ~mask) - 1);
  }
  std::string first, last;
  append_utf8(first, low);
  append_utf8(last, high);
  for (size_t i = first.size(); i-- > 0;)
    next = byte(static_cast<uint8_t>(first[i]), static_cast<uint8_t>(last[i]), next);
  return next;
}

std::vector<int> ByteProgram::depths_needed() const {
  std::vector<int> out(code_.size(), kNever);
  const auto through = [&](const Instruction& i) {
    switch (i.op) {
      case Op::kReturn:
        return 0;
      case Op::kFail:
        return kNever;
      case Op::kSplit:
        return std::min(out[i.next], out[i.other]);
      case Op::kCall: {
        const int callee = out[starts_[i.other]];
        const bool tail = code_[i.next].op == Op::kReturn;
        return tail ? callee : std::max(callee + 1, out[i.next]);
      }
      default:
        return out[i.next];
    }
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t pc = 0; pc < code_.size(); ++pc) {
      const int now = std::min(kNever, through(code_[pc]));
      changed |= now < out[pc];
      out[pc] = std::min(out[pc], now);
    }
  }
  return out;
}

}  // namespace winnow
