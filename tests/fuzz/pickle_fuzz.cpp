// Any bytes, as a PyTorch file and as a bare pickle: either tensors that can be read or one Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "weights/pickle.h"
#include "weights/torch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  try {
    winnow::Pickle::read(bytes, 0, "input");
  } catch (const winnow::Error&) {
  }
  try {
    winnow::Repacked repacked;
    unsigned sum = 0;
    for (const winnow::StoredTensor& tensor : winnow::read_torch_file(bytes, "input", repacked)) {
      if (tensor.shape.elements() * size_of(tensor.dtype) != tensor.bytes) std::abort();
      for (int64_t i = 0; i < tensor.bytes; ++i) sum += std::to_integer<unsigned>(tensor.data[i]);
    }
    if (sum == 1) return 0;  // the sum is read, so that the loop stays
  } catch (const winnow::Error&) {
  }
  return 0;
}
