#include "ops/cpu/scalar_kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

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

void choose_tokens(const ChooseTokensArgs& a, Stream& stream) {
  stream.pool().run(a.rows, [&](int64_t row, int) {
    const float* logits = a.logits + row * a.vocab;
    TokenLogit* out = a.out + row * a.count;
    std::fill_n(out, a.count, TokenLogit{-1, -std::numeric_limits<float>::infinity()});
    for (int64_t id = 0; id < a.vocab; ++id) {
      int64_t place = a.count;  // behind those that are as good: they came first
      while (place > 0 && logits[id] > out[place - 1].logit) --place;
      if (place == a.count) continue;
      std::copy_backward(out + place, out + a.count - 1, out + a.count);
      out[place] = {static_cast<int32_t>(id), logits[id]};
    }
  });
}

void tanh_of(const ElementwiseArgs& a, Stream&) {
  const auto* x = static_cast<const float*>(a.x);
  auto* out = static_cast<float*>(a.out);
  for (int64_t i = 0; i < a.count; ++i) out[i] = std::tanh(x[i]);
}

}  // namespace winnow::cpu
