#include "ops/kernels.h"

#include <utility>

namespace winnow {

Linear Kernels::pack_linear(LinearSource source, DType dtype) const {
  const bool gated = source.gated;
  Linear linear = pack(std::move(source), dtype, *memory);
  linear.gated = gated;
  return linear;
}

Floats Kernels::place(std::vector<float> values) const {
  const auto count = static_cast<int64_t>(values.size());
  if (memory->is_host()) {
    auto owner = std::make_shared<const std::vector<float>>(std::move(values));
    return {owner->data(), count, owner};
  }
  const std::shared_ptr<void> owner(memory->allocate(count * 4),
                                    [m = memory](void* p) { m->release(p); });
  memory->write(owner.get(), values.data(), count * 4);
  return {static_cast<const float*>(owner.get()), count, owner};
}

}  // namespace winnow
