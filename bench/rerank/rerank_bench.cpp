// Reranking on this machine: pairs/s of one model over pre-tokenised pairs, for calls of several
// sizes. Usage: bench_rerank MODEL_FOLDER PAIRS.jsonl [COUNT] [DTYPE] [THREADS] [ROUNDS] [ISA]
// PAIRS holds {"query", "document"} a line. Prints a JSON line a call size: the median round, with
// the least and most. bench/compare.py runs it in turns with its rivals.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "engine/batcher.h"
#include "engine/model_folder.h"
#include "ops/cpu/cpu_kernels.h"

using namespace winnow;
using Clock = std::chrono::steady_clock;

namespace {

std::vector<Sequence> read_pairs(const std::string& path, size_t count,
                                 const Tokenizer& tokenizer) {
  std::vector<Sequence> out;
  std::ifstream file(path);
  for (std::string line; out.size() < count && std::getline(file, line);) {
    const Json pair = Json::parse(line, path);
    TokenSpan document = tokenizer.tokenize(pair.string("document"));
    out.push_back(
        encode_tokens(tokenizer.tokenize(pair.string("query")), &document, tokenizer, {}, 512)
            .sequence);
  }
  return out;
}

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double seconds_for(Batcher& batcher, const std::vector<Sequence>& pairs, size_t call) {
  const Clock::time_point start = Clock::now();
  for (size_t i = 0; i < pairs.size(); i += call)
    batcher.run({pairs.begin() + i, pairs.begin() + std::min(pairs.size(), i + call)}, {}, nullptr);
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(
        stderr,
        "usage: bench_rerank MODEL_FOLDER PAIRS.jsonl [COUNT] [DTYPE] [THREADS] [ROUNDS] [ISA]\n");
    return 2;
  }
  const std::string folder = argv[1];
  const size_t count = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 64;
  const std::string dtype = argc > 4 ? argv[4] : "f32";
  const int threads = argc > 5 ? std::atoi(argv[5]) : usable_cpus();
  const int rounds = argc > 6 ? std::atoi(argv[6]) : 3;
  const Kernels& kernels = cpu_kernels(argc > 7 ? argv[7] : best_isa());

  const auto checkpoint = Checkpoint::open_folder(folder);
  const ModelFolder about = read_model_folder(folder, *checkpoint);
  const Network network =
      build_network(about.config, about.parts,
                    Weights(checkpoint, kernels, dtype == "int8" ? DType::i8 : DType::f32));
  const std::vector<Sequence> pairs = read_pairs(argv[2], count, *Tokenizer::from_folder(folder));
  int64_t tokens = 0;
  for (const Sequence& s : pairs) tokens += static_cast<int64_t>(s.ids.size());
  std::vector<std::unique_ptr<Executor>> executors;
  executors.push_back(make_local_executor(network, kernels, threads, 16384));
  Batcher batcher(std::move(executors), {});
  seconds_for(batcher, {pairs.begin(), pairs.begin() + std::min<size_t>(pairs.size(), 8)}, 8);
  for (const size_t call : {size_t{1}, size_t{8}, size_t{32}, pairs.size()}) {
    std::vector<double> seconds;
    const double cpu = cpu_seconds();
    for (int round = 0; round < rounds; ++round)
      seconds.push_back(seconds_for(batcher, pairs, call));
    std::sort(seconds.begin(), seconds.end());
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto n = static_cast<double>(pairs.size());
    const double cpu_per_pair = (cpu_seconds() - cpu) / (n * rounds);
    std::printf(
        "{\"impl\":\"winnow "
        "%s\",\"device\":\"%s\",\"threads\":%d,\"batch\":%zu,\"pairs\":%zu,\"tokens\":%ld,"
        "\"pairs_per_s\":%.2f,\"least_most\":[%.2f,%.2f],\"tokens_per_s\":%.0f,\"pairs_per_cpu_s\":"
        "%.2f,\"peak_rss_mb\":%."
        "0f}\n",
        dtype.c_str(), kernels.device.c_str(), threads, call, pairs.size(),
        static_cast<long>(tokens), n / seconds[rounds / 2], n / seconds.back(), n / seconds.front(),
        static_cast<double>(tokens) / seconds[rounds / 2], 1.0 / cpu_per_pair,
        static_cast<double>(usage.ru_maxrss) / 1000.0);
    std::fflush(stdout);
  }
  return 0;
}
