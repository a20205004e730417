// Kernels that are the same on every instruction set: copies, and what the C library computes.
#pragma once

#include "ops/kernels.h"

namespace winnow::cpu {

// Each as the verb of its name in ops.h says.
void rope_angles(const RopeAnglesArgs& a, Stream& stream);
void gather_rows(const GatherRowsArgs& a, Stream& stream);
void choose_tokens(const ChooseTokensArgs& a, Stream& stream);
void tanh_of(const ElementwiseArgs& a, Stream& stream);

}  // namespace winnow::cpu
