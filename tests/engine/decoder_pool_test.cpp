#include "engine/decoder_pool.h"

#include <doctest/doctest.h>

#include <thread>

#include "base/mapped_file.h"
#include "engine/decoder_folder.h"
#include "engine/model_folder.h"
#include "ops/cpu/cpu_kernels.h"

using namespace winnow;

namespace {

const std::string kFolder = std::string(WINNOW_TEST_DATA) + "/tiny-llama";

std::unique_ptr<DecoderRunner> runner() {
  const auto checkpoint = Checkpoint::open_folder(kFolder);
  const Json config = read_model_folder(kFolder, *checkpoint).config;
  const Kernels& kernels = cpu_kernels(best_isa());
  return std::make_unique<DecoderRunner>(
      build_decoder(config, LastHidden{}, Weights(checkpoint, kernels, DType::f32)), nullptr,
      std::vector<int32_t>{}, kernels, 1, SchedulerOptions{.pages = 64});
}

std::vector<Sequence> texts(int32_t first) {
  std::vector<Sequence> out;
  for (int32_t i = 0; i < 3; ++i) {
    Sequence s;
    for (int32_t t = 0; t < 40; ++t) s.ids.push_back((first * 7 + i * 3 + t) % 100);
    out.push_back(std::move(s));
  }
  return out;
}

}  // namespace

TEST_CASE("a call goes to the replica with the fewest tokens left, of equal ones to the first") {
  std::vector<SchedulerStats> stats(3);
  stats[0].unfinished_tokens = 90, stats[1].unfinished_tokens = 40, stats[2].unfinished_tokens = 70;
  CHECK(DecoderPool::least_busy(stats) == 1);
  stats[2].unfinished_tokens = 40;
  CHECK(DecoderPool::least_busy(stats) == 1);
  stats[0].unfinished_tokens = 0;
  CHECK(DecoderPool::least_busy(stats) == 0);
}

TEST_CASE("replicas answer as one does, none is left idle, and their counts add up") {
  std::vector<std::unique_ptr<DecoderRunner>> one, two;
  one.push_back(runner());
  two.push_back(runner());
  two.push_back(runner());
  DecoderPool alone(std::move(one)), pair(std::move(two));
  constexpr int32_t kCalls = 24;
  std::vector<std::vector<Output>> got(kCalls);
  std::vector<std::thread> callers;
  for (int32_t caller = 0; caller < 6; ++caller)
    callers.emplace_back([&, caller] {
      for (int32_t call = caller; call < kCalls; call += 6)
        got[call] = pair.run(texts(call), {}, nullptr);
    });
  for (std::thread& caller : callers) caller.join();
  for (int32_t call = 0; call < kCalls; ++call)
    CHECK(got[call] == alone.run(texts(call), {}, nullptr));
  CHECK(pair.replicas() == 2);
  CHECK(pair.stats(0).finished > 0);
  CHECK(pair.stats(1).finished > 0);
  CHECK(pair.stats().finished == pair.stats(0).finished + pair.stats(1).finished);
  CHECK(pair.stats().finished == 3 * kCalls);
  CHECK(pair.stats().unfinished_tokens == 0);
}
