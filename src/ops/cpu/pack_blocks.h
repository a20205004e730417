// Block-quantised weights laid out for the CPU kernels (block_forms.h says how).
#pragma once

#include <memory>

#include "ops/cpu/pack.h"

namespace winnow::cpu {

class PackedBlocks final : public PackedLinear {
 public:
  // Reads source.block_rows, N of block formats; throws kInvalidArgument unless K is whole groups
  // of 32.
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

// Weights of 16 bits, as they are: half of PackedF32.
class Packed16Bit final : public PackedLinear {
 public:
  // Reads source.block_rows, all of the dtype bf16 or all of f16.
  explicit Packed16Bit(const LinearSource& source);
  int64_t bytes() const override;

  int64_t k, n, panel_count;
  bool bf16;
  Lines<uint16_t> panels;  // [panels, K, 16]
  Lines<float> bias;
};

// What source.block_rows becomes: 16-bit rows stay 16 bits, rows of blocks stay blocks; 16-bit rows
// next to others become f32, which `dtype` then says.
std::shared_ptr<const PackedLinear> pack_rows(LinearSource source, DType& dtype);

}  // namespace winnow::cpu
