// A tensor's dimensions as a file states them, checked against the bytes that it states. Internal
// to weights.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace winnow {

// Throws kCorrupt (a negative dimension, more elements than 2^63, another number of bytes) or
// kUnsupported (more dimensions than a Shape has), naming the tensor; `offset` is where the file
// speaks of it.
Shape checked_shape(std::span<const int64_t> dims, DType dtype, int64_t bytes,
                    const std::string& path, int64_t offset, std::string_view name);

}  // namespace winnow
