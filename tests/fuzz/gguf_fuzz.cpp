// Any bytes: either a file whose metadata and tensors can be read, and perhaps a model, or one
// Error.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "base/error.h"
#include "weights/gguf_model.h"
#include "weights/to_f32.h"

namespace {

template <typename Work>
void attempt(Work work) {
  try {
    work();
  } catch (const winnow::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  attempt([&] {
    const auto file =
        winnow::GgufFile::read({reinterpret_cast<const std::byte*>(data), size}, "input", nullptr);
    size_t sum = 0;
    const winnow::GgufMetadata& metadata = file->metadata();
    for (const winnow::GgufValue& value : metadata.values()) {
      attempt([&] { sum += metadata.string(value.key)->size(); });
      attempt([&] { sum += metadata.integer(value.key) == 3; });
      attempt([&] { sum += metadata.number(value.key) == 3; });
      attempt([&] { sum += metadata.boolean(value.key) == true; });
      attempt([&] {
        for (const std::string_view text : metadata.strings(value.key))
          sum += text.empty() ? 0 : static_cast<size_t>(text.back());
      });
      attempt([&] { sum += metadata.integers(value.key).size(); });
      attempt([&] { sum += metadata.numbers(value.key).size(); });
    }
    for (const winnow::GgufTensor& tensor : file->tensors())
      for (const std::byte byte : tensor.data) sum += std::to_integer<size_t>(byte);
    if (sum == 1) return;  // the sum is read, so that the loops stay
    attempt([&] {
      const auto model = winnow::gguf_checkpoint(file);
      for (const winnow::StoredTensor* tensor : model->tensors()) {
        if (model->find(tensor->name) != tensor) std::abort();
        attempt([&] {
          if (winnow::to_f32(*tensor).size() != static_cast<size_t>(tensor->shape.elements()))
            std::abort();
        });
      }
    });
  });
  return 0;
}
