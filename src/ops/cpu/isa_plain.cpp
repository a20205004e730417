// The kernels for any processor: plain loops.
// Compiled with flags of its own (CMakeLists.txt): include nothing here that defines inline
// functions others use.
#define WINNOW_ISA isa_plain
#include "ops/cpu/isa.h"
#include "ops/cpu/simd.h"

namespace winnow::cpu {
namespace isa_plain {
namespace {
// Each builds on those before it.
// clang-format off
#include "ops/cpu/linear.inl"
#include "ops/cpu/attention.inl"
#include "ops/cpu/rowwise.inl"
// clang-format on
}  // namespace
}  // namespace isa_plain

const Isa* plain_isa() {
  using namespace isa_plain;
  static constexpr Isa table{.name = "plain",
                             .row_tile = kRowTile,
                             .panel_tile = kPanelTile,
                             .linear_f32 = linear_f32,
                             .linear_i8 = linear_i8,
                             .linear_i8_name = "plain loops, exact int32",
                             .attention_head = attention_head,
                             .add_layer_norm = add_layer_norm,
                             .embed_sum = embed_sum,
                             .quantize = quantize,
                             .gelu = gelu_range,
                             .i8_steps = false};
  return &table;
}

}  // namespace winnow::cpu
