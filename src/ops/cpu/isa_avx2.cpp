// The kernels for AVX2 and FMA (x86-64 since 2013).
// Compiled with flags of its own (CMakeLists.txt): include nothing here that defines inline
// functions others use.
#define WINNOW_ISA isa_avx2
#include "ops/cpu/isa_body.inl"

namespace winnow::cpu {

const Isa* avx2_isa() {
  static constexpr Isa table =
      isa_avx2::table_of("avx2", "vpmaddubsw in exact 16-bit segments", true);
  return &table;
}

}  // namespace winnow::cpu
