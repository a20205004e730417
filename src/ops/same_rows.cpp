#include "ops/same_rows.h"

#include <map>
#include <set>
#include <string_view>

namespace winnow {
namespace {

using Row = std::string_view;  // bytes

// The row of each input; empty where rows are no function of their inputs.
std::map<int, Row> rows_by_input(const KernelRows& kernel, int64_t row_bytes) {
  const auto size = static_cast<size_t>(row_bytes);
  const Row all(reinterpret_cast<const char*>(kernel.rows.data()), kernel.rows.size());
  std::map<int, Row> out;
  for (size_t i = 0; i < kernel.inputs.size(); ++i) {
    const Row row = all.substr(i * size, size);
    if (out.emplace(kernel.inputs[i], row).first->second != row) return {};
  }
  std::set<Row> different;
  for (const auto& [input, row] : out) different.insert(row);
  return different.size() == out.size() ? out : std::map<int, Row>{};
}

}  // namespace

std::vector<bool> kernels_with_same_rows(std::span<const KernelRows> kernels, int64_t row_bytes) {
  std::vector<std::map<int, Row>> functions;
  const std::map<int, Row>* standard = nullptr;
  functions.reserve(kernels.size());  // the standard stays where it is
  for (const KernelRows& kernel : kernels) {
    functions.push_back(rows_by_input(kernel, row_bytes));
    if (!standard && kernel.any_number && !functions.back().empty()) standard = &functions.back();
  }
  std::vector<bool> kept;
  kept.reserve(functions.size());
  for (const auto& function : functions) kept.push_back(standard && function == *standard);
  return kept;
}

}  // namespace winnow
