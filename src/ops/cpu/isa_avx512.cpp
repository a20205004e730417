// The kernels for AVX-512 F, BW, DQ, VL and VNNI (Ice Lake, Zen 4 and newer).
// Compiled with flags of its own (CMakeLists.txt): include nothing here that defines inline
// functions others use.
#define WINNOW_ISA isa_avx512
#include "ops/cpu/isa_body.inl"

namespace winnow::cpu {

const Isa* avx512_isa() {
  static constexpr Isa table = isa_avx512::table_of("avx512", "vpdpbusd, exact int32", false);
  return &table;
}

}  // namespace winnow::cpu
