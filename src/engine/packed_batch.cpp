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

PackedBatch PackedBatch::part(int64_t begin, int64_t end) const {
  PackedBatch out;
  const auto tokens = [&](const std::vector<int32_t>& of) {
    return std::vector<int32_t>(of.begin() + starts[begin], of.begin() + starts[end]);
  };
  out.ids = tokens(ids), out.types = tokens(types), out.positions = tokens(positions);
  for (int64_t i = begin; i < end; ++i) {
    out.starts.push_back(starts[i + 1] - starts[begin]);
    out.prompts.push_back(prompts[i]);
    out.outputs.push_back(outputs[i]);
  }
  return out;
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
