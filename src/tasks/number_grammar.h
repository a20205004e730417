// Numbers as JSON writes them, within bounds.
#pragma once

#include <cstdint>
#include <optional>

#include "tasks/pushdown.h"

namespace winnow {

// Whole bounds between -10^17 and 10^17; absent: none but the number of digits.
struct NumberBounds {
  std::optional<int64_t> least, most;
  bool above = false, under = false;  // the bound itself is excluded
};

// At most 18 digits, which any reader holds in 64 bits; no exponent.
int integer_grammar(const NumberBounds& bounds, ByteProgram& program, int next);

// At most 18 digits before the point and 17 after it; an exponent of at most two digits only where
// there are no bounds. Uses the call's counter.
int number_grammar(const NumberBounds& bounds, ByteProgram& program, int next);

}  // namespace winnow
