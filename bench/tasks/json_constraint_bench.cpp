// Microseconds a mask of a JSON constraint, on one core, met for the first time and again. The
// vocabulary: a file of one token a line in hexadecimal (empty lines: special tokens), or as many
// made-up tokens of letters and JSON symbols.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>

#include "tasks/json_constraint.h"

namespace {

// Microseconds of CPU time, which other programs on the machine do not lengthen as much.
double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
}
double since(double begin) { return now() - begin; }

std::vector<std::string> read_tokens(const char* path) {
  std::vector<std::string> out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::string bytes;
    for (size_t i = 0; i + 1 < line.size(); i += 2)
      bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    out.push_back(std::move(bytes));
  }
  return out;
}

std::vector<std::string> make_tokens(size_t count) {
  std::vector<std::string> out;
  for (int b = 0; b < 256; ++b) out.emplace_back(1, static_cast<char>(b));
  std::mt19937 rng(1);
  const std::string_view letters = "etaoinshrdlu  ETAOIN\"\"{}[]:,,0123456789";
  while (out.size() < count) {
    std::string token;
    for (size_t n = 2 + rng() % 9; n > 0; --n) token += letters[rng() % letters.size()];
    out.push_back(std::move(token));
  }
  return out;
}

// The answer is written token by token, the longest allowed token that it goes on with each time.
void measure(const std::shared_ptr<const winnow::TokenTrie>& trie, const char* name,
             std::string_view schema, std::string_view answer) {
  const double begin = now();
  const winnow::JsonConstraint fresh(trie, winnow::Json::parse(schema, "schema"));
  const double compiled = since(begin);
  for (const char* pass : {"cold", "warm"}) {
    winnow::JsonConstraint constraint = fresh;
    double sum = 0, worst = 0;
    int steps = 0;
    for (std::string_view rest = answer; !rest.empty(); ++steps) {
      const double start = now();
      const winnow::TokenMask& mask = constraint.allowed();
      double took = since(start);
      int32_t best = -1;
      for (size_t id = 0; id < trie->vocab_size(); ++id) {
        const std::string& bytes = trie->bytes(id);
        if (!bytes.empty() && rest.starts_with(bytes) && mask.test(id) &&
            (best < 0 || bytes.size() > trie->bytes(best).size()))
          best = static_cast<int32_t>(id);
      }
      if (best < 0) {
        std::printf("%s: stuck before %s\n", name, std::string(rest).c_str());
        return;
      }
      const double accept = now();
      constraint.accept(best);
      took += since(accept);
      sum += took;
      worst = std::max(worst, took);
      rest.remove_prefix(trie->bytes(best).size());
    }
    std::printf(
        "{\"bench\": \"json_constraint\", \"case\": \"%s\", \"pass\": \"%s\", \"vocab\": %zu, "
        "\"compile_us\": %.0f, \"tokens\": %d, \"us_per_token\": %.1f, \"worst_us\": %.0f}\n",
        name, pass, trie->vocab_size(), compiled, steps, sum / steps, worst);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> tokens = argc > 1 ? read_tokens(argv[1]) : make_tokens(151936);
  const double begin = now();
  const auto trie = std::make_shared<const winnow::TokenTrie>(tokens, std::vector<int32_t>{});
  std::printf("{\"bench\": \"token_trie\", \"vocab\": %zu, \"nodes\": %zu, \"ms\": %.0f}\n",
              tokens.size(), trie->nodes().size(), since(begin) / 1000);
  measure(
      trie, "json_object", "null",
      R"({"title": "A tale of two cities", "year": 1859, "tags": ["novel", "history"], "more": {"ok": true, "none": null, "score": -1.5}})");
  measure(
      trie, "person",
      R"({"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0,
              "maximum":150},"tags":{"type":"array","items":{"enum":["red","green"]},"maxItems":5},
              "note":{"type":"string","maxLength":80}},"required":["name","age"],
              "additionalProperties":false})",
      R"({"name": "Ada Lovelace", "age": 36, "tags": ["red", "green", "red"], "note": "She wrote the first program that was ever printed."})");
}
