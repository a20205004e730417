#include "engine/packed_batch.h"

namespace winnow {

void PackedBatch::add(const Sequence& sequence) {
  const auto length = static_cast<int32_t>(sequence.ids.size());
  ids.insert(ids.end(), sequence.ids.begin(), sequence.ids.end());
  types.insert(types.end(), sequence.type_ids.begin(), sequence.type_ids.end());
  for (int32_t i = 0; i < length; ++i) positions.push_back(i);
  starts.push_back(starts.back() + length);
  prompts.push_back(sequence.prompt);
  outputs.push_back(sequence.outputs);
}

void PackedBatch::clear() {
  ids.clear();
  types.clear();
  positions.clear();
  starts.assign(1, 0);
  prompts.clear();
  outputs.clear();
}

}  // namespace winnow
