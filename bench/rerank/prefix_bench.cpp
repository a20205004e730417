// What computing a query's beginning once is worth to a yes/no reranker: one JSON line a shape.
// N documents of D tokens behind a beginning of P: in one request, whose beginning is computed
// once, and as N requests whose beginnings differ. Beside the ratio stands what counting tokens
// promises, N (P + D) / (P + N D). The decoder runs as an embedder: its head is a row either way.
// Usage: bench_prefix FOLDER [threads] [device] [dtype]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "engine/engine.h"

namespace {

using namespace winnow;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<Sequence> sequences(int64_t documents, int64_t beginning, int64_t length, bool shared,
                                uint32_t salt, int64_t vocabulary) {
  std::vector<Sequence> out;
  for (int64_t i = 0; i < documents; ++i) {
    uint32_t x = salt * 2654435761u + (shared ? 0u : static_cast<uint32_t>(i) * 97u);
    Sequence s;
    for (int64_t t = 0; t < beginning + length; ++t) {
      if (t == beginning) x += static_cast<uint32_t>(i) * 7919u + 13u;
      x = x * 1664525u + 1013904223u;
      s.ids.push_back(static_cast<int32_t>(100 + (x >> 8) % (vocabulary - 200)));
    }
    s.type_ids.assign(s.ids.size(), 0);
    out.push_back(std::move(s));
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_prefix FOLDER [threads] [device] [dtype]\n");
    return 2;
  }
  EngineOptions options;
  options.folder = argv[1];
  options.task = "embed";
  options.threads = argc > 2 ? std::atoi(argv[2]) : 0;
  if (argc > 3) options.device = argv[3];
  options.dtype = argc > 4 ? argv[4] : options.device == "cpu" ? "f32" : "auto";
  const auto engine = Engine::load(options);
  const int64_t vocabulary = engine->info().vocabulary;
  struct Shape {
    int64_t documents, beginning, length;
  };
  uint32_t salt = 1;
  for (const Shape s : {Shape{40, 100, 200}, Shape{40, 100, 400}, Shape{40, 200, 100}}) {
    double once = 1e9, each = 1e9;
    for (int round = 0; round < 3; ++round) {
      double start = now();
      engine->run(sequences(s.documents, s.beginning, s.length, true, salt++, vocabulary));
      once = std::min(once, now() - start);
      start = now();
      engine->run(sequences(s.documents, s.beginning, s.length, false, salt++, vocabulary));
      each = std::min(each, now() - start);
    }
    const double n = static_cast<double>(s.documents), p = static_cast<double>(s.beginning),
                 d = static_cast<double>(s.length), promised = n * (p + d) / (p + n * d);
    std::printf(
        "{\"documents\":%lld,\"beginning\":%lld,\"length\":%lld,\"pairs_per_s\":%.1f,"
        "\"pairs_per_s_each_alone\":%.1f,\"gain\":%.3f,\"promised\":%.3f,\"share\":%.3f}\n",
        static_cast<long long>(s.documents), static_cast<long long>(s.beginning),
        static_cast<long long>(s.length), n / once, n / each, each / once, promised,
        each / once / promised);
    std::fflush(stdout);
  }
}
