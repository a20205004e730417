// A packed batch: what an executor runs. Flat arrays and nothing else, so that it can lie in shared
// memory as it is.
#pragma once

#include <cstdint>
#include <vector>

#include "tasks/sequence.h"

namespace winnow {

struct PackedBatch {
  std::vector<int32_t> ids, types, positions;  // [T]; positions from 0 in each text
  std::vector<int32_t> starts = {0};           // [B + 1]
  std::vector<int32_t> prompts;                // [B] a prompt's tokens at each text's start
  std::vector<int32_t> keys;                   // [B] tokens that are seen; empty: all of all texts
  std::vector<uint8_t> outputs;                // [B] Sequence::OutputKind

  void add(const Sequence& sequence);
  void clear();
  PackedBatch part(int64_t begin, int64_t end) const;  // its texts [begin, end)
  int64_t texts() const { return static_cast<int64_t>(starts.size()) - 1; }
  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
};

}  // namespace winnow
