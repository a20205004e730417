#include "models/seen_tokens.h"

namespace winnow {

SeenTokens::SeenTokens(const Batch& batch)
    : all_(batch.keys.empty()), starts_(batch.starts.begin(), batch.starts.end()) {
  for (int64_t text = 0; !all_ && text < batch.texts(); ++text) {
    for (int32_t i = 0; i < batch.keys[text]; ++i) rows_.push_back(batch.starts[text] + i);
    starts_[text + 1] = static_cast<int32_t>(rows_.size());
  }
}

}  // namespace winnow
