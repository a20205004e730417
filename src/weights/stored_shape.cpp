#include "weights/stored_shape.h"

#include "weights/blame.h"

namespace winnow {

Shape checked_shape(std::span<const int64_t> dims, DType dtype, int64_t bytes,
                    const std::string& path, int64_t offset, std::string_view name) {
  int64_t want = size_of(dtype);
  bool empty = false;
  for (const int64_t dim : dims) {
    if (dim < 0)
      corrupt(path, offset, "tensor ", shown_name(name), ": want dimensions from 0, got ", dim);
    if (dim == 0) empty = true;  // [2^62, 2^62, 0] has no elements, but no honest file says so
    if (dim > 0 && __builtin_mul_overflow(want, dim, &want))
      corrupt(path, offset, "tensor ", shown_name(name),
              ": want fewer than 2^63 bytes, got dimension ", dim, " and more");
  }
  if (empty) want = 0;
  if (want != bytes)
    corrupt(path, offset, "tensor ", shown_name(name), ": want ", want,
            " bytes for its shape, got ", bytes);
  if (dims.size() > Shape::kMaxRank)
    unsupported(path, offset, "tensor ", shown_name(name), ": want at most ", Shape::kMaxRank,
                " dimensions, got ", dims.size());
  return Shape(dims);
}

}  // namespace winnow
