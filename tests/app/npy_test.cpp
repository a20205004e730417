#include "app/npy.h"

#include <doctest/doctest.h>

using namespace winnow;

TEST_CASE(
    "a header is NumPy's version 1.0: magic, length, a dict, a newline, a multiple of 64 bytes") {
  for (const int64_t rows : {0, 1, 12345678}) {
    const std::string header = npy_header(rows, 384);
    CHECK(header.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
    const size_t length =
        static_cast<unsigned char>(header[8]) + 256 * static_cast<unsigned char>(header[9]);
    CHECK(header.size() == 10 + length);
    CHECK(header.size() % 64 == 0);
    CHECK(header.back() == '\n');
    CHECK(header.substr(10).starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                                        std::to_string(rows) + ", 384), }"));
  }
}
