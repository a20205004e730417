// The batcher with an executor that the test holds in its hand.
#include "engine/batcher.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

using namespace winnow;
using namespace std::chrono_literals;

namespace {

// What the test and its executor share. Each batch waits for a permit, then answers each text with
// its first id.
struct Hand {
  std::mutex mutex;
  std::condition_variable changed;
  int permits = 0, waiting = 0;
  std::vector<std::vector<int32_t>> batches;  // the first ids of each batch's texts
  bool fail_next = false;
  int64_t memory = 1000;  // tokens; a larger batch does not fit

  void permit(int count) {
    std::lock_guard lock(mutex);
    permits += count;
    changed.notify_all();
  }
  void wait_for_batch() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return waiting > 0; });
  }
};

class HeldExecutor final : public Executor {
 public:
  explicit HeldExecutor(Hand& hand) : hand_(hand) {}
  std::vector<Output> run(const PackedBatch& batch) override {
    std::unique_lock lock(hand_.mutex);
    ++hand_.waiting;
    hand_.changed.notify_all();
    hand_.changed.wait(lock, [&] { return hand_.permits > 0; });
    --hand_.permits, --hand_.waiting;
    std::vector<int32_t> firsts;
    std::vector<Output> out;
    for (int64_t i = 0; i < batch.texts(); ++i) {
      firsts.push_back(batch.ids[batch.starts[i]]);
      out.push_back({static_cast<float>(firsts.back())});
    }
    hand_.batches.push_back(firsts);
    if (batch.tokens() > hand_.memory) fail(Code::kOverloaded, "the device's memory is full");
    if (std::exchange(hand_.fail_next, false)) fail(Code::kInternal, "the device is on fire");
    return out;
  }
  int64_t step_tokens() const override { return 100; }

 private:
  Hand& hand_;
};

std::vector<std::unique_ptr<Executor>> held(Hand& hand, int count = 1) {
  std::vector<std::unique_ptr<Executor>> out;
  for (int i = 0; i < count; ++i) out.push_back(std::make_unique<HeldExecutor>(hand));
  return out;
}

std::vector<Sequence> texts(int32_t first, int count, int length) {
  std::vector<Sequence> out;
  for (int i = 0; i < count; ++i) {
    Sequence s{std::vector<int32_t>(length, first + i), std::vector<int32_t>(length, 0)};
    out.push_back(std::move(s));
  }
  return out;
}

Code code_of(std::future<std::vector<Output>>& call) {
  try {
    call.get();
  } catch (const Error& e) {
    return e.code();
  }
  return Code::kInternal;
}

struct Fixture {
  Hand hand;
  Batcher batcher;
  explicit Fixture(int64_t queue = 1000)
      : batcher(held(hand), {.max_batch_tokens = 50, .max_queue_tokens = queue}) {}
  std::future<std::vector<Output>> call(std::vector<Sequence> s, Call c = {}) {
    return std::async(std::launch::async,
                      [this, s = std::move(s), c] { return batcher.run(s, c, nullptr); });
  }
  void wait_queued(int64_t sequences) {
    while (batcher.stats().queued_sequences != sequences) std::this_thread::sleep_for(1ms);
  }
};

}  // namespace

TEST_CASE("outputs come back in order, whatever the batches were") {
  Fixture f;
  f.hand.permit(100);
  const std::vector<Output> out = f.batcher.run(texts(7, 23, 9), {}, nullptr);
  REQUIRE(out.size() == 23);
  for (int i = 0; i < 23; ++i) CHECK(out[i][0] == 7 + i);
  for (const auto& batch : f.hand.batches) CHECK(batch.size() <= 5);  // 50 tokens of budget, 9 each
  CHECK(f.batcher.stats().sequences == 23);
  CHECK(f.batcher.stats().queued_tokens == 0);
}

TEST_CASE("a sequence longer than the budget goes alone") {
  Fixture f;
  f.hand.permit(100);
  CHECK(f.batcher.run(texts(1, 3, 80), {}, nullptr).size() == 3);
  CHECK(f.hand.batches.size() == 3);
}

TEST_CASE("a small call is served beside a large one, not after it") {
  Fixture f;
  auto first = f.call(texts(0, 1, 10));
  f.hand.wait_for_batch();  // the executor is busy: both others queue
  auto large = f.call(texts(100, 40, 10));
  f.wait_queued(40);
  auto small = f.call(texts(900, 2, 10));
  f.wait_queued(42);
  f.hand.permit(2);  // the first, and one batch of five
  small.wait();
  CHECK(f.hand.batches[1] == std::vector<int32_t>{100, 900, 101, 901, 102});
  f.hand.permit(100);
  CHECK(large.get().size() == 40);
  first.get();
}

TEST_CASE("a full queue refuses at once; a call alone is always taken") {
  Fixture f(100);
  auto first = f.call(texts(0, 30, 10));  // 300 tokens, three times the limit
  f.hand.wait_for_batch();
  auto second = f.call(texts(0, 1, 10));
  CHECK(code_of(second) == Code::kOverloaded);
  f.hand.permit(100);
  CHECK(first.get().size() == 30);
}

TEST_CASE("what has not begun is dropped when its client goes or its deadline passes") {
  Fixture f;
  auto first = f.call(texts(0, 1, 10));
  f.hand.wait_for_batch();
  auto gone = std::make_shared<std::atomic<bool>>(false);
  auto left = f.call(texts(10, 20, 10),
                     {.deadline = std::chrono::steady_clock::time_point::max(), .cancelled = gone});
  f.wait_queued(20);
  auto late = f.call(texts(50, 20, 10),
                     {.deadline = std::chrono::steady_clock::now() + 20ms, .cancelled = nullptr});
  f.wait_queued(40);
  *gone = true;
  std::this_thread::sleep_for(40ms);
  f.hand.permit(1);
  CHECK(code_of(left) == Code::kCancelled);
  CHECK(code_of(late) == Code::kDeadline);
  CHECK(f.hand.batches.size() == 1);
  CHECK(f.batcher.stats().dropped_sequences == 40);
  CHECK(f.batcher.stats().queued_tokens == 0);
  first.get();
}

TEST_CASE("a batch that fails fails its calls and no others, and the batcher goes on") {
  Fixture f;
  f.hand.fail_next = true;
  f.hand.permit(100);
  auto first = f.call(texts(0, 12, 10));
  CHECK(code_of(first) == Code::kInternal);
  CHECK(f.batcher.run(texts(5, 1, 10), {}, nullptr)[0][0] == 5);
  CHECK(f.batcher.stats().queued_tokens == 0);
}

TEST_CASE("the end of the batcher answers those who wait") {
  std::future<std::vector<Output>> first, second;
  {
    Hand hand;
    Batcher batcher(held(hand), {.max_batch_tokens = 10, .max_queue_tokens = 1000});
    first =
        std::async(std::launch::async, [&] { return batcher.run(texts(1, 1, 10), {}, nullptr); });
    hand.wait_for_batch();
    second =
        std::async(std::launch::async, [&] { return batcher.run(texts(2, 1, 10), {}, nullptr); });
    while (batcher.stats().queued_sequences != 1) std::this_thread::sleep_for(1ms);
    std::thread opener([&] {
      std::this_thread::sleep_for(30ms);
      hand.permit(1);
    });
    opener.detach();
    std::this_thread::sleep_for(5ms);
  }
  CHECK(first.get()[0][0] == 1);
  CHECK(code_of(second) == Code::kCancelled);
}

TEST_CASE("a batch that the device has no memory for is computed in halves, down to single texts") {
  Fixture f;
  f.hand.memory = 20;
  f.hand.permit(100);
  const std::vector<Output> out = f.batcher.run(texts(3, 9, 10), {}, nullptr);
  REQUIRE(out.size() == 9);
  for (int i = 0; i < 9; ++i) CHECK(out[i][0] == 3 + i);
  CHECK(f.hand.batches.front().size() == 5);
  CHECK(f.hand.batches.back().size() <= 2);
}

TEST_CASE("only the call whose text cannot fit alone fails, and says so") {
  Fixture f;
  f.hand.memory = 20;
  auto held = f.call(texts(1, 1, 10));  // keeps the executor while the others queue
  f.hand.wait_for_batch();
  auto good = f.call(texts(2, 2, 10));
  f.wait_queued(2);
  auto bad = f.call(texts(9, 1, 25));
  f.wait_queued(3);
  f.hand.permit(100);
  CHECK(held.get()[0][0] == 1);
  const std::vector<Output> out = good.get();
  CHECK(out[0][0] == 2);
  CHECK(out[1][0] == 3);
  CHECK(code_of(bad) == Code::kOverloaded);
}

TEST_CASE("two executors work at the same time, and each call gets its own answers") {
  Hand hand;
  Batcher batcher(held(hand, 2), {.max_batch_tokens = 10, .max_queue_tokens = 1000});
  auto call =
      std::async(std::launch::async, [&] { return batcher.run(texts(4, 6, 10), {}, nullptr); });
  for (;;) {
    std::lock_guard lock(hand.mutex);
    if (hand.waiting == 2) break;  // without both at work it never ends
  }
  hand.permit(100);
  const std::vector<Output> out = call.get();
  for (int i = 0; i < 6; ++i) CHECK(out[i][0] == 4 + i);
}
