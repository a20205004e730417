// How fast a decoder reads prompts and writes: one JSON line. What is timed goes through Engine, as
// a server's requests do. Usage: bench_generate FOLDER [threads] [dtype] [isa]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace {

using winnow::Engine;
using winnow::GenerateRequest;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Ids that no two calls share the beginning of, so that nothing is found computed.
std::vector<int32_t> prompt(int64_t length, uint32_t salt, int64_t vocabulary) {
  std::vector<int32_t> ids;
  uint32_t x = salt * 2654435761u + 1;
  for (int64_t i = 0; i < length; ++i) {
    x = x * 1664525u + 1013904223u;
    ids.push_back(static_cast<int32_t>(100 + (x >> 8) % (vocabulary - 200)));
  }
  return ids;
}

GenerateRequest request(int64_t length, int most, uint32_t salt, const Engine& engine) {
  GenerateRequest out;
  out.prompt = prompt(length, salt, engine.info().vocabulary);
  out.max_tokens = most;
  out.ignore_end = true;
  out.sampling.temperature = 0;
  return out;
}

// Tokens a second of `streams` generations together, after each has its first token.
double decode_rate(Engine& engine, int streams, int tokens, uint32_t salt) {
  std::vector<std::unique_ptr<winnow::Generation>> all;
  for (int i = 0; i < streams; ++i)
    all.push_back(
        engine.generate(request(16, tokens + 1, salt + static_cast<uint32_t>(i), engine)));
  // A delta may hold text back, so tokens are counted, not deltas.
  while (
      std::any_of(all.begin(), all.end(), [](const auto& g) { return g->usage().new_tokens < 1; }))
    all[0]->wait_for(0.0002);
  const double start = now();
  int64_t before = 0, after = 0;
  for (const auto& g : all) before += g->usage().new_tokens;
  for (const auto& g : all)
    while (g->next()) {
    }
  const double seconds = now() - start;
  for (const auto& g : all) after += g->usage().new_tokens;
  return static_cast<double>(after - before) / seconds;
}

double prefill_rate(Engine& engine, int64_t length, uint32_t salt) {
  const double start = now();
  const auto generation = engine.generate(request(length, 1, salt, engine));
  while (generation->next()) {
  }
  return static_cast<double>(length) / (now() - start);
}

template <typename Run>
double best_of(int runs, Run run) {
  double best = 0;
  for (int i = 0; i < runs; ++i) best = std::max(best, run(static_cast<uint32_t>(i)));
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_generate FOLDER [threads] [dtype] [isa]\n");
    return 2;
  }
  winnow::EngineOptions options;
  options.folder = argv[1];
  options.threads = argc > 2 ? std::atoi(argv[2]) : 0;
  if (argc > 3) options.dtype = argv[3];
  if (argc > 4) options.isa = argv[4];
  const auto engine = Engine::load(options);
  const double prefill =
      best_of(5, [&](uint32_t i) { return prefill_rate(*engine, 512, 100 + i); });
  const double one = best_of(4, [&](uint32_t i) { return decode_rate(*engine, 1, 128, 200 + i); });
  const double eight =
      best_of(3, [&](uint32_t i) { return decode_rate(*engine, 8, 128, 300 + 10 * i); });
  std::printf(
      "{\"engine\":\"winnow\",\"device\":\"%s\",\"prefill_512_tokens_per_s\":%.1f,"
      "\"decode_tokens_per_s\":%.1f,\"decode_8_streams_tokens_per_s\":%.1f}\n",
      engine->info().device.c_str(), prefill, one, eight);
}
