// A tensor is a view: where data lies and what it is. It owns nothing; arenas and checkpoints do.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace winnow {

// Row-major; the last dimension is dense. Rows of a rank-2 tensor may lie further apart than their
// width: a column range of a wider tensor is a view of it. The planes of a rank-3 tensor may lie
// anywhere, also side by side in the rows: heads [H, T, E] are columns of a matrix on some devices.
class Tensor {
 public:
  // A copy of a matrix's rows in 8 bits, dense: e4m3 with a scale for a row's each 128 columns, so
  // that real = e4m3 * scale. What an 8-bit product reads, where the device makes it along the way.
  struct Eighths {
    void* values = nullptr;   // [T, D]; null: there is none
    float* scales = nullptr;  // [T, D / 128]
  };

  Tensor() = default;
  Tensor(void* data, const Shape& shape, DType dtype)
      : data_(data),
        shape_(shape),
        dtype_(dtype),
        stride_(shape.rank() ? shape.dim(-1) : 1),
        plane_stride_(shape.rank() == 3 ? shape.dim(1) * shape.dim(2) : 0) {}

  // x [T, H * E] seen as its heads: [H, T, E], without a copy.
  static Tensor heads(const Tensor& x, int64_t head_size) {
    require(x.rank() == 2 && head_size > 0 && x.cols() % head_size == 0,
            "heads: want a matrix of whole heads of ", head_size, ", got ", x.shape_);
    Tensor view(x.data_, Shape{x.cols() / head_size, x.dim(0), head_size}, x.dtype_);
    view.stride_ = x.stride_;
    view.plane_stride_ = head_size;
    return view;
  }

  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_.dim(i); }
  int64_t cols() const { return shape_.dim(-1); }
  int64_t rows() const { return cols() ? shape_.elements() / cols() : 0; }
  int64_t row_stride() const { return stride_; }          // elements from one row to the next
  int64_t plane_stride() const { return plane_stride_; }  // rank 3: from one plane to the next
  bool dense() const {
    return stride_ == cols() && (rank() != 3 || plane_stride_ == dim(1) * dim(2));
  }
  bool empty() const { return data_ == nullptr; }

  void* data() const { return data_; }
  const Eighths& eighths() const { return eighths_; }
  // A copy of these very values.
  void set_eighths(const Eighths& eighths) { eighths_ = eighths; }
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
    Tensor view(static_cast<char*>(data_) + begin * plane_stride_ * size_of(dtype_),
                Shape{end - begin, dim(1), dim(2)}, dtype_);
    view.stride_ = stride_;
    view.plane_stride_ = plane_stride_;
    return view;
  }

 private:
  void* data_ = nullptr;
  Eighths eighths_;
  Shape shape_;
  DType dtype_ = DType::f32;
  int64_t stride_ = 1, plane_stride_ = 0;
};

}  // namespace winnow
