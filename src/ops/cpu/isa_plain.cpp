// The kernels for any processor: plain loops.
// Compiled with flags of its own (CMakeLists.txt): include nothing here that defines inline
// functions others use.
#define WINNOW_ISA isa_plain
#include "ops/cpu/isa_body.inl"

namespace winnow::cpu {

const Isa* plain_isa() {
  static constexpr Isa table = isa_plain::table_of("plain", "plain loops, exact int32", false);
  return &table;
}

}  // namespace winnow::cpu
