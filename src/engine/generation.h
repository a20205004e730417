// A running generation: the reader's end. The engine computes ahead of a slow reader, as far as the
// request goes; nothing is lost and nothing comes twice.
#pragma once

#include <memory>
#include <optional>

#include "tasks/generate.h"

namespace winnow {

// Used by one thread at a time.
class Generation {
 public:
  virtual ~Generation() = default;  // ends it: what has not been computed will not be

  // Waits for the next piece of any choice; empty when all have finished. Throws kDeadline,
  // kCancelled, and what the model's verbs throw; then the generation is over.
  virtual std::optional<Delta> next() = 0;

  // Waits at most so long; true when next() will not block.
  virtual bool wait_for(double seconds) = 0;

  virtual GenerateUsage usage() const = 0;  // so far
};

}  // namespace winnow
