// From the GPU to the process.
#include <cstring>

#include "ops/cuda/cuda_stream.h"
#include "ops/cuda/rowwise.h"
#include "ops/cuda/values.cuh"

namespace winnow::cuda {
namespace {

template <typename T>
__global__ void widen_kernel(const T* x, int64_t stride, float* out, int64_t rows, int cols,
                             int rows_a_block) {
  RowPiece piece;
  if (!piece.find(rows, cols, rows_a_block)) return;
  out[piece.row * cols + piece.unit] = widen(x[piece.row * stride + piece.unit]);
}

}  // namespace

void to_host(const ToHostArgs& a, Stream& stream) {
  CudaStream& gpu = of(stream);
  const int64_t bytes = a.rows * a.cols * static_cast<int64_t>(sizeof(float));
  if (bytes == 0) return gpu.wait();
  const void* from = a.x;
  if (a.type != DType::f32 || a.x_stride != a.cols) {
    auto* floats = static_cast<float*>(gpu.workspace(bytes));
    const RowGrid grid(a.rows, a.cols);
    with_type("to_host", a.type, [&]<typename T>() {
      widen_kernel<<<grid.grid, kRowThreads, 0, gpu.queue()>>>(
          static_cast<const T*>(a.x), a.x_stride, floats, a.rows, static_cast<int>(a.cols),
          grid.rows_a_block);
    });
    check_launch("to_host");
    from = floats;
  }
  void* landing = gpu.landing(bytes);
  check(cudaMemcpyAsync(landing, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost,
                        gpu.queue()),
        "to_host: cudaMemcpyAsync");
  gpu.wait();
  std::memcpy(a.out, landing, static_cast<size_t>(bytes));
}

}  // namespace winnow::cuda
