#include "engine/scheduler.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "base/mapped_file.h"
#include "engine/model_folder.h"
#include "ops/cpu/cpu_kernels.h"

using namespace winnow;

namespace {

const std::string kData = WINNOW_TEST_DATA;

std::vector<int32_t> ints(const Json& array) {
  std::vector<int32_t> out;
  for (size_t i = 0; i < array.size(); ++i) out.push_back(static_cast<int32_t>(array[i].integer()));
  return out;
}

struct Tiny {
  explicit Tiny(const std::string& name) {
    const std::string folder = kData + "/" + name, file = folder + "/decoder_goldens.json";
    const auto checkpoint = Checkpoint::open_folder(folder);
    network = build_decoder(read_model_folder(folder, *checkpoint).config, NextToken{},
                            Weights(checkpoint, cpu_kernels(best_isa()), DType::f32));
    const Json json = Json::parse(MappedFile::open(file)->text(), file).at("cases");
    for (size_t i = 0; i < json.size(); ++i) {
      prompts.push_back(ints(json[i].at("ids")));
      greedy.push_back(ints(json[i].at("greedy")));
    }
  }
  DecoderNetwork network;
  std::vector<std::vector<int32_t>> prompts, greedy;
};

// Takes the best token until it has `most`; keeps the last row.
struct Greedy final : RowReader {
  explicit Greedy(size_t most) : most(most) {}
  void begin(int64_t from) override { cached = from; }
  std::optional<int32_t> read(std::span<const float> row) override {
    if (most == 0) {
      last.assign(row.begin(), row.end());
      return std::nullopt;
    }
    if (throws) fail(Code::kInternal, "the reader fails");
    tokens.push_back(std::max_element(row.begin(), row.end()) - row.begin());
    last.assign(row.begin(), row.end());
    if (tokens.size() == most) return std::nullopt;
    return tokens.back();
  }
  void close(std::exception_ptr why) override {
    std::lock_guard lock(mutex);
    error = why;
    closed = true;
    done.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return closed; });
  }
  std::optional<Code> code() {
    wait();
    if (!error) return std::nullopt;
    try {
      std::rethrow_exception(error);
    } catch (const Error& e) {
      return e.code();
    }
  }

  size_t most;
  bool throws = false, closed = false;
  int64_t cached = -1;
  std::vector<int32_t> tokens;
  std::vector<float> last;
  std::exception_ptr error;
  std::mutex mutex;
  std::condition_variable done;
};

std::shared_ptr<Greedy> submit(Scheduler& scheduler, const std::vector<int32_t>& prompt,
                               size_t most, const Call& call = {}) {
  auto reader = std::make_shared<Greedy>(most);
  scheduler.submit({{prompt, static_cast<int64_t>(most), reader}}, call);
  return reader;
}

SchedulerOptions options(int64_t pages, int64_t step_tokens = 48) {
  return {.pages = pages, .step_tokens = step_tokens, .busy_step_tokens = 16};
}

}  // namespace

TEST_CASE("texts that share steps give the tokens that each gives alone, and no page is lost") {
  for (const char* name : {"tiny-llama", "tiny-qwen2", "tiny-qwen3"})
    for (const int64_t pages : {10, 100}) {  // 10: they have to wait for each other
      CAPTURE(name);
      CAPTURE(pages);
      const Tiny tiny(name);
      Scheduler scheduler(tiny.network, cpu_kernels(best_isa()), 2, options(pages));
      std::vector<std::shared_ptr<Greedy>> readers;
      for (int round = 0; round < 3; ++round)
        for (const auto& prompt : tiny.prompts) readers.push_back(submit(scheduler, prompt, 12));
      for (size_t i = 0; i < readers.size(); ++i) {
        CHECK_FALSE(readers[i]->code());
        CHECK(readers[i]->tokens == tiny.greedy[i % tiny.greedy.size()]);
      }
      const SchedulerStats stats = scheduler.stats();
      CHECK(stats.pages_in_use == 0);
      CHECK(stats.running + stats.waiting + stats.waiting_tokens == 0);
      CHECK(stats.finished == static_cast<int64_t>(readers.size()));
      CHECK(stats.cached_tokens > 0);  // the second and third rounds
    }
}

TEST_CASE("branches compute their common beginning once, with the bits of computing it each time") {
  const Tiny tiny("tiny-qwen3");
  const std::vector<int32_t> beginning(tiny.prompts[5].begin(), tiny.prompts[5].begin() + 77);
  std::vector<std::vector<int32_t>> texts;
  for (int i = 0; i < 9; ++i) {
    texts.push_back(beginning);
    for (int t = 0; t <= i * 5; ++t) texts.back().push_back(3 + (i * 31 + t * 7) % 150);
  }
  std::vector<std::vector<float>> alone;
  for (const auto& text : texts) {
    Scheduler scheduler(tiny.network, cpu_kernels(best_isa()), 1, options(40));
    const auto reader = submit(scheduler, text, 0);
    reader->wait();
    alone.push_back(reader->last);
  }
  struct Case {
    int64_t pages, step_tokens;
  };
  for (const auto& [pages, step_tokens] :
       {Case{8, 48}, Case{64, 48}, Case{64, 90}, Case{64, 4096}}) {
    CAPTURE(pages);
    CAPTURE(step_tokens);
    Scheduler scheduler(tiny.network, cpu_kernels(best_isa()), 2, options(pages, step_tokens));
    std::vector<Branch> branches;
    std::vector<std::shared_ptr<Greedy>> readers;
    int64_t own = 0;
    for (const auto& text : texts) {
      readers.push_back(std::make_shared<Greedy>(0));
      branches.push_back({text, 0, readers.back()});
      own += static_cast<int64_t>(text.size() - beginning.size());
    }
    scheduler.submit(std::move(branches), {});
    for (size_t i = 0; i < readers.size(); ++i) {
      CHECK_FALSE(readers[i]->code());
      CHECK(readers[i]->last == alone[i]);
    }
    CHECK(scheduler.stats().step_tokens == 77 + own);
    CHECK(scheduler.stats().pages_in_use == 0);
    if (step_tokens > 77 + own) CHECK(scheduler.stats().steps == 1);  // branches need not wait
  }
}

TEST_CASE("a beginning that gave its pages back between its branches is computed again") {
  const Tiny tiny("tiny-llama");
  const auto text = [](int32_t of, int64_t tokens) {  // two calls' beginnings of 77 tokens
    std::vector<int32_t> ids(77, of);
    for (int64_t t = 77; t < tokens; ++t)
      ids.push_back(static_cast<int32_t>(3 + tokens % 7 + t % 50));
    return ids;
  };
  // Both beginnings fit, and a short branch of each; then neither long one does beside the other.
  Scheduler scheduler(tiny.network, cpu_kernels(best_isa()), 2, options(8));
  std::vector<std::vector<int32_t>> texts;
  std::vector<std::shared_ptr<Greedy>> readers;
  for (const int32_t of : {7, 9}) {
    std::vector<Branch> branches;
    for (const int64_t tokens : {82, 150}) {
      texts.push_back(text(of, tokens));
      readers.push_back(std::make_shared<Greedy>(0));
      branches.push_back({texts.back(), 0, readers.back()});
    }
    scheduler.submit(std::move(branches), {});
  }
  for (size_t i = 0; i < texts.size(); ++i) {
    CHECK_FALSE(readers[i]->code());
    Scheduler alone(tiny.network, cpu_kernels(best_isa()), 1, options(40));
    const auto reader = submit(alone, texts[i], 0);
    reader->wait();
    CHECK(readers[i]->last == reader->last);
  }
}

TEST_CASE("a step that fails ends what goes on behind it too, and no page is lost") {
  // Fails one pass, the first part of a beginning that its branches run behind.
  struct FailsOnce final : Decoder {
    explicit FailsOnce(std::unique_ptr<Decoder> of) : of(std::move(of)) {}
    Tensor forward(Ops& f, const DecoderBatch& batch, KvCache& cache, std::span<const int32_t> rows,
                   const LayerProbe& probe) const override {
      if (!std::exchange(failed, true)) fail(Code::kIo, "the device fails");
      return of->forward(f, batch, cache, rows, probe);
    }
    KvShape kv_shape() const override { return of->kv_shape(); }
    int64_t hidden_size() const override { return of->hidden_size(); }
    int64_t max_positions() const override { return of->max_positions(); }
    int64_t vocab_size() const override { return of->vocab_size(); }
    std::unique_ptr<Decoder> of;
    mutable bool failed = false;
  };
  Tiny tiny("tiny-llama");
  tiny.network.model = std::make_unique<FailsOnce>(std::move(tiny.network.model));
  Scheduler scheduler(tiny.network, cpu_kernels(best_isa()), 2, options(40));
  std::vector<std::shared_ptr<Greedy>> readers;
  std::vector<Branch> branches;
  for (int32_t i = 0; i < 5; ++i) {
    std::vector<int32_t> ids(70, 7);
    ids.push_back(i + 3);
    readers.push_back(std::make_shared<Greedy>(2));
    branches.push_back({ids, 2, readers.back()});
  }
  scheduler.submit(std::move(branches), {});
  for (const auto& reader : readers) CHECK(reader->code() == Code::kIo);
  CHECK(scheduler.stats().pages_in_use == 0);
  CHECK(scheduler.stats().dropped == 5);
  const auto next = submit(scheduler, tiny.prompts[0], 12);
  CHECK_FALSE(next->code());
  CHECK(next->tokens == tiny.greedy[0]);
}

TEST_CASE("a prompt that came before is not computed again, and gives the same tokens") {
  const Tiny tiny("tiny-llama");
  Scheduler scheduler(tiny.network, cpu_kernels(best_isa()), 2, options(40));
  submit(scheduler, tiny.prompts[5], 12)->wait();
  const int64_t before = scheduler.stats().step_tokens;
  const auto again = submit(scheduler, tiny.prompts[5], 12);
  again->wait();
  CHECK(again->cached == 192);  // of 200: whole pages
  CHECK(scheduler.stats().step_tokens - before == 8 + 11);
  CHECK(again->tokens == tiny.greedy[5]);
}

TEST_CASE("a caller that goes away, is late, or fails ends its own text only") {
  const Tiny tiny("tiny-llama");
  Scheduler scheduler(tiny.network, cpu_kernels(best_isa()), 2, options(64));
  const auto gone = std::make_shared<std::atomic<bool>>(true);
  const auto a = submit(scheduler, tiny.prompts[4], 12, {.cancelled = gone});
  const auto b =
      submit(scheduler, tiny.prompts[4], 12, {.deadline = std::chrono::steady_clock::now()});
  auto c = std::make_shared<Greedy>(12);
  c->throws = true;
  scheduler.submit({{tiny.prompts[3], 12, c}}, {});
  const auto d = submit(scheduler, tiny.prompts[4], 12);
  CHECK(a->code() == Code::kCancelled);
  CHECK(b->code() == Code::kDeadline);
  CHECK(c->code() == Code::kInternal);
  CHECK_FALSE(d->code());
  CHECK(d->tokens == tiny.greedy[4]);
  CHECK(scheduler.stats().pages_in_use == 0);
  CHECK(scheduler.stats().dropped == 3);
}

TEST_CASE("what can never fit is refused at once; what waits is told when the engine stops") {
  const Tiny tiny("tiny-llama");
  auto scheduler =
      std::make_unique<Scheduler>(tiny.network, cpu_kernels(best_isa()), 1, options(5));
  CHECK_THROWS_WITH_AS(
      submit(*scheduler, tiny.prompts[5], 12),
      "the text may become 212 tokens, and the memory for keys and values holds 128", Error);
  std::vector<std::shared_ptr<Greedy>> readers;
  for (int i = 0; i < 40; ++i) readers.push_back(submit(*scheduler, tiny.prompts[4], 12));
  scheduler.reset();
  for (const auto& reader : readers) {
    const std::optional<Code> code = reader->code();
    CHECK((!code || code == Code::kCancelled));
  }
}

TEST_CASE("too long a queue is refused") {
  const Tiny tiny("tiny-llama");
  SchedulerOptions few = options(6);
  few.max_queue_tokens = 250;
  Scheduler scheduler(tiny.network, cpu_kernels(best_isa()), 1, few);
  std::vector<std::shared_ptr<Greedy>> readers;
  bool refused = false;
  for (int i = 0; i < 60 && !refused; ++i) try {
      readers.push_back(submit(scheduler, tiny.prompts[4], 12));
    } catch (const Error& error) {
      CHECK(error.code() == Code::kOverloaded);
      refused = true;
    }
  CHECK(refused);
  for (const auto& reader : readers) CHECK_FALSE(reader->code());
}
