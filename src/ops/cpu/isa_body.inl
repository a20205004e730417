// The kernels of one instruction set and their table. An isa_*.cpp defines WINNOW_ISA, the
// namespace, before it.
#include "ops/cpu/isa.h"
#include "ops/cpu/simd.h"

namespace winnow::cpu {
namespace WINNOW_ISA {
namespace {
// Each builds on those before it.
// clang-format off
#include "ops/cpu/rowwise.inl"
#include "ops/cpu/linear.inl"
#include "ops/cpu/linear_blocks.inl"
#include "ops/cpu/linear_16bit.inl"
#include "ops/cpu/attention.inl"
#include "ops/cpu/cached_attention.inl"
#include "ops/cpu/fma.inl"
// clang-format on

constexpr Isa table_of(const char* name, const char* linear_i8_name, bool i8_steps) {
  return {.name = name,
          .row_tile = kRowTile,
          .panel_tile = kPanelTile,
          .linear_f32 = linear_f32,
          .linear_i8 = linear_i8,
          .linear_i8_name = linear_i8_name,
          .attention_head = attention_head,
          .cached_head = cached_head,
          .add_layer_norm = add_layer_norm,
          .embed_sum = embed_sum,
          .gelu = gelu_range,
          .rms_norm = rms_norm,
          .rope = rope,
          .gated = gated,
          .add = add_range,
          .linear_16bit = linear_16bit,
          .block_row_tile = kRowTileBlocks,
          .quantize_blocks = quantize_blocks,
          .linear_blocks = linear_blocks,
          .i8_steps = i8_steps,
          .fma_steps = fma_steps};
}
}  // namespace
}  // namespace WINNOW_ISA
}  // namespace winnow::cpu
