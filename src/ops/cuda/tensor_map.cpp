#include "ops/cuda/tensor_map.h"

#include <cuda_runtime_api.h>

#include "base/error.h"

namespace winnow::cuda {
namespace {

using Encode = CUresult (*)(CUtensorMap*, CUtensorMapDataType, cuuint32_t, void*, const cuuint64_t*,
                            const cuuint64_t*, const cuuint32_t*, const cuuint32_t*,
                            CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
                            CUtensorMapFloatOOBfill);

Encode encoder() {
  static const Encode encode = [] {
    void* entry = nullptr;
    cudaDriverEntryPointQueryResult found;
    if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &entry, 12000, cudaEnableDefault,
                                         &found) != cudaSuccess ||
        !entry)
      fail(Code::kInternal, "tensor map: the driver has no cuTensorMapEncodeTiled");
    return reinterpret_cast<Encode>(entry);
  }();
  return encode;
}

CUtensorMap encode(const void* data, DType type, cuuint32_t rank, const cuuint64_t* sizes,
                   const cuuint64_t* strides, const cuuint32_t* box,
                   CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_128B) {
  const cuuint32_t steps[3] = {1, 1, 1};
  const CUtensorMapDataType element = type == DType::f16    ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                      : type == DType::bf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                                            : CU_TENSOR_MAP_DATA_TYPE_UINT8;
  CUtensorMap map;
  const CUresult result =
      encoder()(&map, element, rank, const_cast<void*>(data), sizes, strides, box, steps,
                CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
                CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    fail(Code::kInternal, "tensor map: the driver refused, error ", static_cast<int>(result),
         ", for ", type, " [", sizes[1], ", ", sizes[0], "], rows ", strides[0], " bytes apart");
  return map;
}

}  // namespace

CUtensorMap map_of(const void* data, DType type, int64_t rows, int64_t cols, int64_t stride,
                   int box_rows) {
  const int64_t bytes = size_of(type);
  const cuuint64_t sizes[2] = {static_cast<cuuint64_t>(cols), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[1] = {static_cast<cuuint64_t>(stride * bytes)};
  const cuuint32_t box[2] = {static_cast<cuuint32_t>(kLineBytes / bytes),
                             static_cast<cuuint32_t>(box_rows)};
  return encode(data, type, 2, sizes, strides, box);
}

CUtensorMap panels_of(const void* data, DType type, int64_t rows, int64_t cols, int64_t stride,
                      int box_rows, int box_panels) {
  const int64_t bytes = size_of(type), panel = kLineBytes / bytes;
  const cuuint64_t sizes[3] = {static_cast<cuuint64_t>(panel), static_cast<cuuint64_t>(rows),
                               static_cast<cuuint64_t>(cols / panel)};
  const cuuint64_t strides[2] = {static_cast<cuuint64_t>(stride * bytes), kLineBytes};
  const cuuint32_t box[3] = {static_cast<cuuint32_t>(panel), static_cast<cuuint32_t>(box_rows),
                             static_cast<cuuint32_t>(box_panels)};
  return encode(data, type, 3, sizes, strides, box);
}

CUtensorMap ending_rows_of(const void* data, DType type, int64_t rows, int64_t cols, int64_t stride,
                           int box_rows, int box_cols) {
  const auto pitch = static_cast<cuuint64_t>(stride * size_of(type));
  const cuuint64_t sizes[3] = {static_cast<cuuint64_t>(cols), static_cast<cuuint64_t>(box_rows),
                               static_cast<cuuint64_t>(rows) + 1};
  const cuuint64_t strides[2] = {pitch, pitch};
  const cuuint32_t box[3] = {static_cast<cuuint32_t>(box_cols), static_cast<cuuint32_t>(box_rows),
                             1};
  return encode(static_cast<const char*>(data) - pitch * box_rows, type, 3, sizes, strides, box,
                box_cols == 64 ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_64B);
}

}  // namespace winnow::cuda
