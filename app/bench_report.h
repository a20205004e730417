// What winnow bench prints: a table that grows as it measures, or a JSON object a line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/result_stream.h"
#include "engine/engine.h"

namespace winnow {

// How many tokens the texts have.
struct TextLengths {
  std::string source;  // a file, or "built in"
  int64_t count = 0, tokens = 0, least = 0, most = 0;
};

// The work of one pass, and how fast it went in several.
struct Throughput {
  std::string input;  // "ids" or "text"
  std::string unit;   // "pairs", "texts", "prompts"
  int64_t count = 0, tokens = 0;
  double operations = 0;             // of the linear layers and attention, padding not counted
  std::vector<double> seconds = {};  // of each pass
  int a_call = 0, callers = 0;
};

struct Latency {
  std::string what;  // "1 document", "100 texts", "first token"
  int64_t count = 0;
  std::vector<double> seconds = {};  // of each request
};

// Decoding `streams` texts at once.
struct DecodeRate {
  int streams = 0, running = 0;    // running: of these, those that found room
  int64_t context = 0;             // tokens of each at the beginning
  std::vector<double> rates = {};  // tokens a second of all together, window by window
  double operations = 0;           // of one token
  int64_t weight_bytes = 0;        // read for every step
};

class BenchReport {
 public:
  explicit BenchReport(bool json) : json_(json) {}

  void model(const ModelInfo& info);
  void texts(const TextLengths& lengths);
  void matrix_rate(double flops, const ModelInfo& info);  // the shares below are of this
  void throughput(const Throughput& t);
  // The text-in rate by the pre-tokenised one, from passes in turns.
  void ratio(const Throughput& ids, const Throughput& text);
  void latency(const Latency& latency);
  void decode(const DecodeRate& rate);
  void finish() { out_.finish(); }

 private:
  void heading(const std::string& name, const std::string& columns);

  const bool json_;
  double matrix_flops_ = 0;
  std::string section_;
  ResultStream out_;
};

// 12345.6 as "12,346", 54.13 as "54.1", 0.5123 as "0.512".
std::string shown_number(double value);

}  // namespace winnow
