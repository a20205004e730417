#include "engine/packed_batch.h"

namespace winnow {

void PackedBatch::add(const Sequence& sequence) {
  const auto length = static_cast<int32_t>(sequence.ids.size());
  ids.insert(ids.end(), sequence.ids.begin(), sequence.ids.end());
  types.insert(types.end(), sequence.type_ids.begin(), sequence.type_ids.end());
  for (int32_t i = 0; i < length; ++i) positions.push_back(i);
  if (sequence.keys > 0 && keys.empty())  // the first with tokens that are not seen
    for (size_t i = 0; i + 1 < starts.size(); ++i) keys.push_back(starts[i + 1] - starts[i]);
  if (sequence.keys > 0 || !keys.empty())
    keys.push_back(sequence.keys > 0 ? sequence.keys : length);
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
    if (!keys.empty()) out.keys.push_back(keys[i]);
  }
  return out;
}

void PackedBatch::clear() {
  ids.clear();
  types.clear();
  positions.clear();
  starts.assign(1, 0);
  prompts.clear();
  keys.clear();
  outputs.clear();
}

}  // namespace winnow
