// Any bytes: either a checkpoint whose tensors can be read and whose config is JSON, or one Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "weights/onnx.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto file =
        winnow::onnx_checkpoint({reinterpret_cast<const std::byte*>(data), size}, "input", nullptr);
    unsigned sum = 0;
    for (const winnow::StoredTensor* tensor : file->tensors()) {
      const winnow::Quantization& q = tensor->quantization;
      if (tensor->shape.elements() * size_of(tensor->dtype) != tensor->bytes ||
          q.scales.size() != q.zero_points.size() || file->find(tensor->name) != tensor)
        std::abort();
      for (int64_t i = 0; i < tensor->bytes; ++i) sum += std::to_integer<unsigned>(tensor->data[i]);
    }
    if (sum == 1) return 0;  // the sum is read, so that the loop stays
    file->implied_config();
  } catch (const winnow::Error&) {
  }
  return 0;
}
