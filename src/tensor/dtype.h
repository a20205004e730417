// Element types.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string_view>

namespace winnow {

enum class DType { f32, f16, bf16, f64, i64, i32, i16, i8, u8, boolean };

int64_t size_of(DType dtype);           // bytes an element
std::string_view name_of(DType dtype);  // "f32"
std::optional<DType> dtype_named(std::string_view name);
inline std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

}  // namespace winnow
