// Which kernels of one operation may stand in for each other: what the self test at start decides,
// apart from what a GPU does for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace winnow {

// What one kernel gave for a few inputs, each given many times: alone, and among others.
struct KernelRows {
  std::vector<std::byte> rows;  // one behind the other
  std::vector<int> inputs;      // the number of each row's input
  bool any_number = true;       // takes any number of rows
};

// Whether each kernel is kept, rows being row_bytes long. The standard is the first that takes any
// number of rows and whose rows are a function of their input: the same bits for the same input,
// other bits for another (memory that nobody wrote to is no answer). Kept are it and those that
// give its bits; none, where there is no standard.
std::vector<bool> kernels_with_same_rows(std::span<const KernelRows> kernels, int64_t row_bytes);

}  // namespace winnow
