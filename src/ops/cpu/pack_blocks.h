// Block-quantised weights laid out for the CPU kernels (block_forms.h says how).
#pragma once

#include "ops/cpu/pack.h"

namespace winnow::cpu {

class PackedBlocks final : public PackedLinear {
 public:
  // Reads source.block_rows; throws kInvalidArgument unless K is whole groups of 32 and each row is
  // of a block format.
  explicit PackedBlocks(const LinearSource& source);
  int64_t bytes() const override;

  int64_t k, n, panel_count;
  Lines<std::byte> data;
  std::vector<int64_t> panel_at;  // [panels]
  std::vector<BlockForm> form;    // [panels]
  Lines<float> bias;

 private:
  void fill(const LinearSource& source, int64_t panel);
};

}  // namespace winnow::cpu
