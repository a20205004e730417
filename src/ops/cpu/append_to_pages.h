// New keys and values into their pages, and old ones into others.
#pragma once

#include "ops/kernels.h"

namespace winnow::cpu {

// One text's: keys go into panels of 16 columns, values into rows (KvPages).
void append_to_pages(const CachedAttentionArgs& a, int64_t text);

// A page's first tokens, of all kv heads, to the beginning of another.
void copy_in_pages(const CachedAttentionArgs& a, const PageCopy& copy);

}  // namespace winnow::cpu
