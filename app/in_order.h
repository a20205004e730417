// Work in several threads, answers in order: how a command keeps the engine's batches full.
#pragma once

#include <deque>
#include <future>

namespace winnow {

// Calls work(i) for each i in [0, count), up to `at_once` of them at a time, each in a thread of
// its own, and done(i, its answer) in the caller's thread in the order of i. What work or done
// throws is thrown here, after stop(), which should make the calls in hand end soon, and after
// their end.
template <typename Work, typename Done, typename Stop>
void in_order(size_t count, size_t at_once, const Work& work, const Done& done, const Stop& stop) {
  std::deque<std::future<decltype(work(size_t{0}))>> in_hand;  // waits for them when it goes
  size_t started = 0;
  try {
    for (size_t i = 0; i < count; ++i) {
      for (; started < count && started < i + at_once; ++started)
        in_hand.push_back(
            std::async(std::launch::async, [&work, started] { return work(started); }));
      auto answer = in_hand.front().get();
      in_hand.pop_front();
      done(i, std::move(answer));
    }
  } catch (...) {
    stop();
    throw;
  }
}

}  // namespace winnow
