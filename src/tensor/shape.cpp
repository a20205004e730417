#include "tensor/shape.h"

#include "base/error.h"

namespace winnow {

Shape::Shape(std::span<const int64_t> dims) : rank_(static_cast<int>(dims.size())) {
  require(dims.size() <= kMaxRank, "shape: want at most ", kMaxRank, " dimensions, got ",
          dims.size());
  int64_t elements = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    require(dims[i] >= 0 && !__builtin_mul_overflow(elements, dims[i], &elements),
            "shape: dimension ", i, " is ", dims[i], ": negative, or more elements than 2^63");
    dims_[i] = dims[i];
  }
}

int64_t Shape::elements() const {
  int64_t count = 1;
  for (int i = 0; i < rank_; ++i) count *= dims_[i];
  return count;
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '[';
  for (int i = 0; i < shape.rank(); ++i) out << (i ? ", " : "") << shape.dim(i);
  return out << ']';
}

}  // namespace winnow
