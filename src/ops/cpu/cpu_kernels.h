// The CPU as a device: which instruction set was chosen, and its kernel table.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ops/kernels.h"

namespace winnow {

// The best instruction set of this processor: "avx512", "avx2" or "plain".
std::string best_isa();

// Those that this processor can run, best first.
std::vector<std::string> usable_isas();

// The table of one of them; lives for ever. Throws kUnsupported naming those that can be had.
const Kernels& cpu_kernels(std::string_view isa);

// Operations a second of f32 multiply-adds from registers, on so many threads, measured now (about
// a third of a second): what a product on this processor can reach at most.
double fma_flops(std::string_view isa, int threads);

// Kernel by kernel, what runs: {"linear f32", "avx512, 12 x 32 tiles"}, for `winnow doctor`.
std::vector<std::pair<std::string, std::string>> kernel_report(std::string_view isa);

// What the processor says it can do, of what matters here: {"avx2", true}, ...
std::vector<std::pair<std::string, bool>> cpu_features();

}  // namespace winnow
