#include "ops/cpu/scalar_kernels.h"

#include <algorithm>
#include <cmath>

namespace winnow::cpu {
namespace {

constexpr int64_t kTokens = 16;  // of a task: a few dozen microseconds

}  // namespace

// In f64, so that the rounding of a long text's large angles is the f32 product's alone.
void rope_angles(const RopeAnglesArgs& a, Stream& stream) {
  const auto count = static_cast<int64_t>(a.frequencies.size());
  const auto tokens = static_cast<int64_t>(a.positions.size());
  stream.pool().run((tokens + kTokens - 1) / kTokens, [&](int64_t task, int) {
    for (int64_t t = task * kTokens; t < std::min(tokens, (task + 1) * kTokens); ++t) {
      float* cosines = a.out + t * 2 * count;
      for (int64_t i = 0; i < count; ++i) {
        const double angle = static_cast<float>(a.positions[t]) * a.frequencies[i];
        cosines[i] = static_cast<float>(std::cos(angle)) * a.scale;
        cosines[count + i] = static_cast<float>(std::sin(angle)) * a.scale;
      }
    }
  });
}

void gather_rows(const GatherRowsArgs& a, Stream&) {
  auto* out = static_cast<float*>(a.out.data);
  for (int64_t plane = 0; plane < a.planes; ++plane)
    for (const int32_t row : a.rows)
      out = std::copy_n(static_cast<const float*>(a.x.data) + plane * a.x.plane + row * a.x.row,
                        a.cols, out);
}

void tanh_of(const ElementwiseArgs& a, Stream&) {
  const auto* x = static_cast<const float*>(a.x);
  auto* out = static_cast<float*>(a.out);
  for (int64_t i = 0; i < a.count; ++i) out[i] = std::tanh(x[i]);
}

}  // namespace winnow::cpu
