#include "tensor/dtype.h"

#include <array>
#include <utility>

namespace winnow {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  int64_t bytes;
};
constexpr std::array<Row, 10> kRows{{{DType::f32, "f32", 4},
                                     {DType::f16, "f16", 2},
                                     {DType::bf16, "bf16", 2},
                                     {DType::f64, "f64", 8},
                                     {DType::i64, "i64", 8},
                                     {DType::i32, "i32", 4},
                                     {DType::i16, "i16", 2},
                                     {DType::i8, "i8", 1},
                                     {DType::u8, "u8", 1},
                                     {DType::boolean, "bool", 1}}};

}  // namespace

int64_t size_of(DType dtype) { return kRows[static_cast<size_t>(dtype)].bytes; }
std::string_view name_of(DType dtype) { return kRows[static_cast<size_t>(dtype)].name; }
std::optional<DType> dtype_named(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}

}  // namespace winnow
