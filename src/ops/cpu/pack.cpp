#include "ops/cpu/pack.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace winnow::cpu {
namespace {

constexpr int kQuad = 4;                    // values of k that one 32-bit lane holds
constexpr int kQuadBytes = kPanel * kQuad;  // of one panel
constexpr int kLaneLimit = 128;             // 255 * 128 < 2^15

Lines<float> padded(const std::vector<float>& values, int64_t size) {
  Lines<float> out(size, 0.0f);
  std::copy(values.begin(), values.end(), out.begin());
  return out;
}

void quantize_rows(LinearSource& source) {
  source.quantized.resize(source.weight.size());
  source.scales.resize(source.out);
  for (int64_t n = 0; n < source.out; ++n) {
    const float* row = source.weight.data() + n * source.in;
    float most = 0.0f;
    for (int64_t k = 0; k < source.in; ++k) most = std::max(most, std::abs(row[k]));
    const float scale = most > 0.0f ? most / 127.0f : 1.0f;
    source.scales[n] = scale;
    for (int64_t k = 0; k < source.in; ++k)
      source.quantized[n * source.in + k] = static_cast<int8_t>(std::lrintf(row[k] / scale));
  }
}

// The sums of positive and of negative weights that a segment has in each 16-bit lane.
struct LaneSums {
  std::array<int, kPanel * 2> positive{}, negative{};

  bool fits(const int8_t* quad) const {
    for (int lane = 0; lane < kPanel * 2; ++lane) {
      int up = positive[lane], down = negative[lane];
      for (int i = 0; i < 2; ++i) {
        const int w = quad[lane * 2 + i];
        (w > 0 ? up : down) += w;
      }
      if (up > kLaneLimit || down < -kLaneLimit) return false;
    }
    return true;
  }
  void add(const int8_t* quad) {
    for (int at = 0; at < kQuadBytes; ++at)
      (quad[at] > 0 ? positive : negative)[at / 2] += quad[at];
  }
};

}  // namespace

PackedF32::PackedF32(const LinearSource& source)
    : k(source.in),
      n(source.out),
      panel_count((n + kPanel - 1) / kPanel),
      panels(panel_count * k * kPanel, 0.0f),
      bias(padded(source.bias, panel_count * kPanel)) {
  for (int64_t row = 0; row < n; ++row) {
    float* panel = panels.data() + row / kPanel * k * kPanel + row % kPanel;
    for (int64_t i = 0; i < k; ++i) panel[i * kPanel] = source.weight[row * k + i];
  }
}

PackedI8::PackedI8(LinearSource source, bool steps)
    : k(source.in),
      n(source.out),
      k4((k + kQuad - 1) / kQuad),
      panel_count((n + kPanel - 1) / kPanel) {
  if (source.quantized.empty()) quantize_rows(source);
  w_scale = padded(source.scales, panel_count * kPanel);
  bias = padded(source.bias, panel_count * kPanel);
  lay_panels(source);
  if (steps) {
    lay_steps();
    panels = {};
  }
}

void PackedI8::lay_panels(const LinearSource& source) {
  panels.assign(panel_count * k4 * kQuadBytes, 0);
  w_sum.assign(panel_count * kPanel, 0);
  for (int64_t row = 0; row < n; ++row) {
    int8_t* panel = panels.data() + row / kPanel * k4 * kQuadBytes + row % kPanel * kQuad;
    for (int64_t i = 0; i < k; ++i) {
      const int8_t w = source.quantized[row * k + i];
      panel[i / kQuad * kQuadBytes + i % kQuad] = w;
      w_sum[row] += w;
    }
  }
}

// Greedy: a step joins the segment while every lane stays within its limit. A quad that breaks the
// limit alone is cut into two of half the size each.
void PackedI8::lay_steps() {
  panel_segment.push_back(0);
  for (int64_t panel = 0; panel < panel_count; ++panel) {
    panel_step.push_back(static_cast<int64_t>(step_k4.size()));
    LaneSums sums;
    int32_t length = 0;
    const auto close = [&] {
      if (length > 0) segment_steps.push_back(length);
      sums = {};
      length = 0;
    };
    const auto put = [&](const int8_t* quad, int64_t at) {
      if (!sums.fits(quad)) close();
      sums.add(quad);
      ++length;
      step_data.insert(step_data.end(), quad, quad + kQuadBytes);
      step_k4.push_back(static_cast<int32_t>(at));
    };
    for (int64_t at = 0; at < k4; ++at) {
      const int8_t* quad = panels.data() + (panel * k4 + at) * kQuadBytes;
      if (LaneSums().fits(quad)) {
        put(quad, at);
        continue;
      }
      std::array<int8_t, kQuadBytes> half, rest;
      for (int i = 0; i < kQuadBytes; ++i) {
        half[i] = static_cast<int8_t>(quad[i] /
                                      2);  // at most 63 in size: two of them are within the limit
        rest[i] = static_cast<int8_t>(quad[i] - half[i]);
      }
      put(half.data(), at);
      put(rest.data(), at);
    }
    close();
    panel_segment.push_back(static_cast<int64_t>(segment_steps.size()));
  }
}

I8Steps PackedI8::i8_steps() const {
  return {.data = step_data.data(),
          .k4 = step_k4.data(),
          .segment_steps = segment_steps.data(),
          .panel_step = panel_step.data(),
          .panel_segment = panel_segment.data()};
}

int64_t PackedI8::bytes() const {
  return static_cast<int64_t>(panels.size() + step_data.size() +
                              4 * (step_k4.size() + segment_steps.size()) +
                              4 * (w_sum.size() + w_scale.size() + bias.size()));
}

}  // namespace winnow::cpu
