// A tensor is a view: where data lies and what it is. It owns nothing; arenas and checkpoints do.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace winnow {

// Row-major; the last dimension is dense. Rows of a rank-2 tensor may lie further apart than their
// width: a column range of a wider tensor is a view of it.
class Tensor {
 public:
  Tensor() = default;
  Tensor(void* data, const Shape& shape, DType dtype)
      : data_(data), shape_(shape), dtype_(dtype), stride_(shape.rank() ? shape.dim(-1) : 1) {}

  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_.dim(i); }
  int64_t cols() const { return shape_.dim(-1); }
  int64_t rows() const { return cols() ? shape_.elements() / cols() : 0; }
  int64_t row_stride() const { return stride_; }  // elements from one row to the next
  bool empty() const { return data_ == nullptr; }

  void* data() const { return data_; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }

  // Columns [begin, end) of a rank-2 tensor, without a copy.
  Tensor columns(int64_t begin, int64_t end) const {
    require(rank() == 2 && 0 <= begin && begin <= end && end <= cols(), "columns: want [", begin,
            ", ", end, ") inside a matrix, got ", shape_);
    Tensor view(static_cast<char*>(data_) + begin * size_of(dtype_), Shape{dim(0), end - begin},
                dtype_);
    view.stride_ = stride_;
    return view;
  }

  // Entries [begin, end) of the first dimension, without a copy.
  Tensor slice(int64_t begin, int64_t end) const {
    require(rank() == 3 && 0 <= begin && begin <= end && end <= dim(0), "slice: want [", begin,
            ", ", end, ") inside the first of 3 dimensions, got ", shape_);
    return Tensor(static_cast<char*>(data_) + begin * dim(1) * dim(2) * size_of(dtype_),
                  Shape{end - begin, dim(1), dim(2)}, dtype_);
  }

 private:
  void* data_ = nullptr;
  Shape shape_;
  DType dtype_ = DType::f32;
  int64_t stride_ = 1;
};

}  // namespace winnow
