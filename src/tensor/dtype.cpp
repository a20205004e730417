#include "tensor/dtype.h"

#include <array>
#include <utility>

namespace winnow {
namespace {

struct Row {
  DType dtype;
  std::string_view name;
  int64_t bytes, elements = 1;
};
constexpr std::array<Row, 19> kRows{{{DType::f32, "f32", 4},
                                     {DType::f16, "f16", 2},
                                     {DType::bf16, "bf16", 2},
                                     {DType::f64, "f64", 8},
                                     {DType::i64, "i64", 8},
                                     {DType::i32, "i32", 4},
                                     {DType::i16, "i16", 2},
                                     {DType::i8, "i8", 1},
                                     {DType::u8, "u8", 1},
                                     {DType::boolean, "bool", 1},
                                     {DType::q4_0, "q4_0", 18, 32},
                                     {DType::q4_1, "q4_1", 20, 32},
                                     {DType::q5_0, "q5_0", 22, 32},
                                     {DType::q5_1, "q5_1", 24, 32},
                                     {DType::q8_0, "q8_0", 34, 32},
                                     {DType::q4_k, "q4_k", 144, 256},
                                     {DType::q5_k, "q5_k", 176, 256},
                                     {DType::q6_k, "q6_k", 210, 256},
                                     {DType::f8_e4m3, "f8_e4m3", 1}}};

}  // namespace

int64_t size_of(DType dtype) { return kRows[static_cast<size_t>(dtype)].bytes; }
int64_t block_elements(DType dtype) { return kRows[static_cast<size_t>(dtype)].elements; }
std::string_view name_of(DType dtype) { return kRows[static_cast<size_t>(dtype)].name; }
std::optional<DType> dtype_named(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.dtype;
  return std::nullopt;
}

}  // namespace winnow
