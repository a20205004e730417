#include "app/npy.h"

#include "base/error.h"

namespace winnow {

std::string npy_header(int64_t rows, int64_t columns) {
  constexpr size_t kAlignment = 64, kPrefix = 10;  // magic, version, length of what follows
  std::string fields =
      cat("{'descr': '<f4', 'fortran_order': False, 'shape': (", rows, ", ", columns, "), }");
  const size_t unpadded = kPrefix + fields.size() + 1;  // the newline ends it
  fields.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  fields += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(fields.size() & 0xFF);
  header += static_cast<char>(fields.size() >> 8);
  return header + fields;
}

}  // namespace winnow
