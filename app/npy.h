// NumPy's file format, written: a header, then rows of float32.
#pragma once

#include <cstdint>
#include <string>

namespace winnow {

// The header of a version 1.0 .npy file of little-endian float32, shape [rows, columns], C order;
// the values follow it row by row. Its length is a multiple of 64 bytes, so that a mapped file is
// aligned. Source: numpy/lib/format.py, "Format Version 1.0".
std::string npy_header(int64_t rows, int64_t columns);

}  // namespace winnow
