// Tokens a second of one tokenizer over a file of texts, cold and warm, and over threads; prints
// JSON lines.
//   bench_tokenizer FOLDER|tokenizer.json TEXTS.jsonl [MAX_LENGTH]
// A line of TEXTS is {"text", "pair"?}. A text's work is what a request costs: tokens, truncation,
// special tokens. Cold is the first pass of a new process over texts never seen, warm the best of
// the passes after it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "text/tokenizer.h"

namespace {

using namespace winnow;

struct Text {
  std::string first, second;
};

std::vector<Text> read_texts(const std::string& path) {
  std::vector<Text> texts;
  const auto file = MappedFile::open(path);
  std::string_view rest = file->text();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) {
      const Json line = Json::parse(rest.substr(0, end), path);
      texts.push_back({std::string(line.string("text")), line.string("pair", "")});
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return texts;
}

int64_t tokens_of(const Tokenizer& tokenizer, const Text& text, int max_length) {
  TokenSpan first = tokenizer.tokenize(text.first);
  if (text.second.empty()) {
    truncate(first, nullptr, tokenizer.special_tokens(false), max_length, TruncationSide::kRight);
    return static_cast<int64_t>(tokenizer.assemble(first, nullptr).ids.size());
  }
  TokenSpan second = tokenizer.tokenize(text.second);
  truncate(first, &second, tokenizer.special_tokens(true), max_length, TruncationSide::kRight);
  return static_cast<int64_t>(tokenizer.assemble(first, &second).ids.size());
}

struct Pass {
  int64_t tokens;
  double seconds, cpu_seconds;
};

Pass pass(const Tokenizer& tokenizer, const std::vector<Text>& texts, int max_length, int threads) {
  std::atomic<size_t> next{0};
  std::atomic<int64_t> tokens{0};
  const auto work = [&] {
    constexpr size_t kBlock = 16;
    int64_t mine = 0;
    for (size_t begin; (begin = next.fetch_add(kBlock)) < texts.size();)
      for (size_t i = begin; i < std::min(begin + kBlock, texts.size()); ++i)
        mine += tokens_of(tokenizer, texts[i], max_length);
    tokens += mine;
  };
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t cpu = std::clock();
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(work);
  work();
  for (std::thread& thread : others) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return {tokens, took.count(), static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC};
}

void print(const char* state, int threads, const Pass& pass, int64_t bytes) {
  std::cout << JsonWriter()
                   .begin_object()
                   .member("bench", "tokenizer")
                   .member("engine", "winnow")
                   .member("state", state)
                   .member("threads", threads)
                   .member("tokens", pass.tokens)
                   .member("seconds", pass.seconds)
                   .member("cpu_seconds", pass.cpu_seconds)
                   .member("tokens_per_s", static_cast<double>(pass.tokens) / pass.seconds)
                   .member("tokens_per_cpu_s", static_cast<double>(pass.tokens) / pass.cpu_seconds)
                   .member("mb_per_cpu_s", static_cast<double>(bytes) / pass.cpu_seconds / 1e6)
                   .end_object()
                   .text()
            << std::endl;
}

void run(const std::string& path, const std::string& file, int max_length) {
  const std::vector<Text> texts = read_texts(file);
  int64_t bytes = 0;
  for (const Text& text : texts)
    bytes += static_cast<int64_t>(text.first.size() + text.second.size());

  const auto start = std::chrono::steady_clock::now();
  const auto tokenizer = path.ends_with(".json")
                             ? Tokenizer::from_json(MappedFile::open(path)->text(), path)
                             : Tokenizer::from_folder(path);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::cout << JsonWriter()
                   .begin_object()
                   .member("bench", "tokenizer_load")
                   .member("seconds", took.count())
                   .end_object()
                   .text()
            << std::endl;

  print("cold", 1, pass(*tokenizer, texts, max_length, 1), bytes);
  for (int threads = 1; threads <= usable_cpus(); threads *= 2) {
    Pass best = pass(*tokenizer, texts, max_length, threads);
    for (int i = 0; i < 6; ++i) {
      const Pass next = pass(*tokenizer, texts, max_length, threads);
      if (next.seconds < best.seconds) best = next;
    }
    print("warm", threads, best, bytes);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: bench_tokenizer FOLDER|tokenizer.json TEXTS.jsonl [MAX_LENGTH]\n";
    return 2;
  }
  try {
    run(argv[1], argv[2], argc > 3 ? std::stoi(argv[3]) : 512);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
