// Element types.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string_view>

namespace winnow {

// q4_0 to q6_k are GGUF's block formats: a block holds 32 elements (q4_k, q5_k, q6_k: 256) and
// their scales (tensor/blocks.h). f8_e4m3: 4 bits of exponent, 3 of mantissa, no infinity, largest
// 448 (Micikevicius et al. 2022).
enum class DType {
  f32,
  f16,
  bf16,
  f64,
  i64,
  i32,
  i16,
  i8,
  u8,
  boolean,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q4_k,
  q5_k,
  q6_k,
  f8_e4m3
};

int64_t size_of(DType dtype);         // bytes an element, or of a block
int64_t block_elements(DType dtype);  // elements of a block; 1 for plain types
inline bool is_blocked(DType dtype) { return block_elements(dtype) > 1; }
std::string_view name_of(DType dtype);  // "f32"
std::optional<DType> dtype_named(std::string_view name);
inline std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

}  // namespace winnow
