// New keys and values into their pages.
#pragma once

#include "ops/kernels.h"

namespace winnow::cpu {

// One text's: keys go into panels of 16 columns, values into rows (KvPages).
void append_to_pages(const CachedAttentionArgs& a, int64_t text);

}  // namespace winnow::cpu
