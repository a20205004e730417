// What a server counts, as Prometheus reads it: TEI's names, vLLM's of generation, and winnow's
// own. docs/metrics.md lists them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "http/message.h"

namespace winnow {

// What TEI's counters see of a route: nothing (/health), its requests (/tokenize), or its inputs
// too (/embed).
enum class Counted { kNone, kRequests, kInputs };

// One answered request.
struct Answered {
  std::string_view route;  // as the route table has it, never the client's own text: a label's
                           // values are bounded
  Counted counted;
  int status;
  double seconds;
  std::string_view failure;  // TEI's word for it; empty for a success
};

// What is true at the moment of a scrape.
struct Moment {
  int64_t requests_in_hand, connections;
  bool ready;
};

// Thread-safe.
class Metrics {
 public:
  // Observes the engines; they may outlive it.
  explicit Metrics(const std::vector<std::shared_ptr<Engine>>& engines);
  ~Metrics();

  // Counts a request once it has its answer.
  void count(const Answered& answered, const Work& work);

  // The text format, version 0.0.4.
  std::string text(const Moment& moment) const;

 private:
  struct Parts;
  std::shared_ptr<Parts> parts_;  // shared with the engines' observers
};

// TEI's word for why a request failed: "overloaded", "batch_size", "validation", "tokenization",
// "inference", "model_type" or "dropped".
std::string_view tei_failure(Code code, bool too_many_inputs);

// The bucket increments of `count` equal observations, for prometheus::Histogram::ObserveMultiple.
std::vector<double> increments(const std::vector<double>& boundaries, double value, int64_t count);

}  // namespace winnow
