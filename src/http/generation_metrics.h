// What /metrics says of generation, by vLLM's names and with its buckets. docs/metrics.md lists
// them.
#pragma once

#include <memory>
#include <span>

#include "engine/engine.h"
#include "http/message.h"

namespace prometheus {
class Registry;
}

namespace winnow {

// Thread-safe. Has series for the generators among the models; the registry must outlive it.
class GenerationMetrics {
 public:
  GenerationMetrics(prometheus::Registry& registry, std::span<const ModelInfo* const> models);
  ~GenerationMetrics();

  // Counts a request that has generated, or has failed to, once it is over.
  void count(const Work& work, double seconds);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace winnow
