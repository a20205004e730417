// What every Checkpoint shares: its tensors in the order of their names, and the spellings of a
// name. Internal to weights.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weights/checkpoint.h"

namespace winnow {

class NamedTensors : public Checkpoint {
 public:
  // keep: what the tensors' bytes lie in. Renames `LayerNorm.gamma` and `.beta` of old files
  // (also `layer_norm.`) to `.weight` and `.bias`. Throws kCorrupt when two tensors have one name.
  NamedTensors(std::string path, std::vector<StoredTensor> tensors,
               std::vector<std::shared_ptr<const void>> keep);

  const StoredTensor* find(std::string_view name) const override;
  std::vector<const StoredTensor*> tensors() const override;
  const std::string& path() const override { return path_; }
  Json implied_config() const override { return {}; }

 private:
  const StoredTensor* exactly(std::string_view name) const;

  std::string path_;
  std::vector<StoredTensor> tensors_;  // sorted by name
  std::vector<std::shared_ptr<const void>> keep_;
};

}  // namespace winnow
