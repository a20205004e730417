// What one rendering may spend. A template comes with a checkpoint and is untrusted: without a
// budget forty bytes of it run for ever or fill the memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace winnow::jinja {

struct Limits {
  int64_t steps = 20'000'000;   // expressions, statements and elements looked at
  int64_t bytes = 256LL << 20;  // all text and elements made, also what is dropped again
  int depth = 400;              // expressions, statements and macro calls inside one another
};

// Counts down; every method throws kUnsupported when its limit is passed. One rendering, one
// thread.
class Budget {
 public:
  explicit Budget(Limits limits = {}) : limits_(limits) {}

  void step(int64_t count = 1) {
    if ((steps_ += count) > limits_.steps)
      fail(Code::kUnsupported, "want at most ", limits_.steps, " steps, got more");
  }
  void bytes(int64_t count) {
    if (count > limits_.bytes - bytes_)
      fail(Code::kUnsupported, "want at most ", limits_.bytes,
           " bytes of text and lists, got more");
    bytes_ += count;
  }
  void enter() {
    if (++depth_ > limits_.depth)
      fail(Code::kUnsupported, "want at most ", limits_.depth, " levels of nesting, got more");
  }
  void leave() { --depth_; }

 private:
  Limits limits_;
  int64_t steps_ = 0, bytes_ = 0;
  int depth_ = 0;
};

// A text that grows within a budget: it is paid before it is there.
class Builder {
 public:
  explicit Builder(Budget& budget) : budget_(budget) {}
  Builder& operator+=(std::string_view piece) {
    budget_.bytes(static_cast<int64_t>(piece.size()));
    text_ += piece;
    return *this;
  }
  Builder& operator+=(char c) { return *this += std::string_view(&c, 1); }
  void repeat(std::string_view piece, int64_t times) {
    if (times <= 0 || piece.empty()) return;
    if (times > (1LL << 40)) times = 1LL << 40;  // beyond any budget, and the product fits
    budget_.bytes(static_cast<int64_t>(piece.size()) * times);
    for (int64_t i = 0; i < times; ++i) text_ += piece;
  }
  std::string& text() { return text_; }
  std::string take() { return std::move(text_); }
  Budget& budget() { return budget_; }

 private:
  Budget& budget_;
  std::string text_;
};

}  // namespace winnow::jinja
