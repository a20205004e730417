// What winnow bench does with a loaded model, by what the model is for.
#pragma once

#include <cstdint>
#include <string>

#include "app/bench_report.h"
#include "engine/engine.h"

namespace winnow {

struct BenchOptions {
  std::string pairs, texts;  // files; empty: built-in texts
  double seconds = 20;       // about, in all
  int documents = 100;       // of a call where throughput is measured, at most
  int concurrency = 0;       // callers there; generators: streams; 0: 4, and several numbers
  int tokens = 0;            // of every built-in text; 0: natural lengths
};

// Rerankers, classifiers and embedders: throughput of token ids and of texts in turns, then the
// latency of single requests.
void bench_texts(Engine& engine, const BenchOptions& options, BenchReport& report);

// Generators: how fast prompts are read, the first token's latency, and decoding at 1, 8, 32 and
// 256 streams.
void bench_generator(Engine& engine, const BenchOptions& options, BenchReport& report);

}  // namespace winnow
