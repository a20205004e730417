// linear on block-quantised weights: rows are quantised once a call, then tasks share the panels.
#pragma once

#include "ops/cpu/isa.h"
#include "ops/kernels.h"

namespace winnow::cpu {

void linear_blocks(const Isa& isa, const LinearArgs& args, Act act, Stream& stream);

}  // namespace winnow::cpu
