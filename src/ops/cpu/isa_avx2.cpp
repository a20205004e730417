// The kernels for AVX2 and FMA (x86-64 since 2013).
// Compiled with flags of its own (CMakeLists.txt): include nothing here that defines inline
// functions others use.
#define WINNOW_ISA isa_avx2
#include "ops/cpu/isa.h"
#include "ops/cpu/simd.h"

namespace winnow::cpu {
namespace isa_avx2 {
namespace {
// Each builds on those before it.
// clang-format off
#include "ops/cpu/linear.inl"
#include "ops/cpu/attention.inl"
#include "ops/cpu/rowwise.inl"
// clang-format on
}  // namespace
}  // namespace isa_avx2

const Isa* avx2_isa() {
  using namespace isa_avx2;
  static constexpr Isa table{.name = "avx2",
                             .row_tile = kRowTile,
                             .panel_tile = kPanelTile,
                             .linear_f32 = linear_f32,
                             .linear_i8 = linear_i8,
                             .linear_i8_name = "vpmaddubsw in exact 16-bit segments",
                             .attention_head = attention_head,
                             .add_layer_norm = add_layer_norm,
                             .embed_sum = embed_sum,
                             .quantize = quantize,
                             .gelu = gelu_range,
                             .i8_steps = true};
  return &table;
}

}  // namespace winnow::cpu
