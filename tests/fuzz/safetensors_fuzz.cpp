// Any bytes: either tensors that lie within them, or one Error. The same for a shard index.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "weights/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  try {
    for (const winnow::StoredTensor& tensor : winnow::read_safetensors({bytes, size}, "input")) {
      if (tensor.data < bytes || tensor.data + tensor.bytes > bytes + size ||
          tensor.shape.elements() * size_of(tensor.dtype) != tensor.bytes)
        std::abort();
    }
  } catch (const winnow::Error&) {
  }
  try {
    winnow::read_shard_index({reinterpret_cast<const char*>(data), size}, "input");
  } catch (const winnow::Error&) {
  }
  return 0;
}
