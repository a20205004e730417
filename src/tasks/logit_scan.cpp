#include "tasks/logit_scan.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

namespace winnow {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
constexpr size_t kLanes = 8;  // explicit, so that sums have one order and the compiler may use SIMD

// The largest of the values, NaN passed over.
float largest(std::span<const float> values) {
  float lanes[kLanes];
  std::fill(lanes, lanes + kLanes, kNone);
  size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (size_t j = 0; j < kLanes; ++j)
      lanes[j] = values[i + j] > lanes[j] ? values[i + j] : lanes[j];
  for (; i < values.size(); ++i) lanes[0] = values[i] > lanes[0] ? values[i] : lanes[0];
  return *std::max_element(lanes, lanes + kLanes);
}

// 2^t by a polynomial on [-0.5, 0.5] (the series of exp(f ln 2)) and the exponent's bits.
inline float exp2_inline(float t) {
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float shifted = t + kRound;
  const float f = t - (shifted - kRound);
  float p = 1.5403530e-4f;
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.0f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(p) +
                              (std::bit_cast<uint32_t>(shifted) << 23));
}

}  // namespace

float exp2_of(float t) { return exp2_inline(t); }

std::span<const float> LogitScan::block(size_t index) const {
  const size_t begin = index * kBlock;
  return row_.subspan(begin, std::min(kBlock, row_.size() - begin));
}

void LogitScan::read(std::span<const float> row) {
  row_ = row;
  block_max_.resize((row.size() + kBlock - 1) / kBlock);
  max_ = kNone;
  for (size_t b = 0; b < block_max_.size(); ++b) {
    block_max_[b] = largest(block(b));
    max_ = std::max(max_, block_max_[b]);
  }
}

int32_t LogitScan::arg_max() const {
  const size_t b = std::find(block_max_.begin(), block_max_.end(), max_) - block_max_.begin();
  const std::span<const float> values = block(b);
  return static_cast<int32_t>(b * kBlock +
                              (std::find(values.begin(), values.end(), max_) - values.begin()));
}

std::vector<ScoredToken> LogitScan::best(size_t k) const {
  if (k == 0) return {};
  // The k best block maxima are k tokens, so none of the best k is below the least of them.
  float floor = kNone;
  if (k <= block_max_.size()) {
    std::vector<float> maxima = block_max_;
    std::nth_element(maxima.begin(), maxima.begin() + (k - 1), maxima.end(), std::greater<>());
    floor = maxima[k - 1];
  }
  std::vector<ScoredToken> out;
  for (size_t b = 0; b < block_max_.size(); ++b) {
    if (block_max_[b] == kNone || block_max_[b] < floor) continue;
    const std::span<const float> values = block(b);
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i] >= floor && values[i] != kNone)
        out.push_back({values[i], static_cast<int32_t>(b * kBlock + i)});
  }
  if (k < out.size()) {
    std::nth_element(out.begin(), out.begin() + k, out.end(), better);
    out.resize(k);
  }
  std::sort(out.begin(), out.end(), better);
  return out;
}

double LogitScan::sum_exp2(float scale) const {
  constexpr float kLow = -100.0f;  // below it a token weighs nothing beside the best one
  const float max = max_;
  double sum = 0;
  for (size_t b = 0; b < block_max_.size(); ++b) {
    if (!((block_max_[b] - max_) * scale > kLow)) continue;
    const std::span<const float> values = block(b);
    float powers[kBlock];  // two loops: the compiler makes SIMD of each, not of both in one
    std::fill(std::copy(values.begin(), values.end(), powers), powers + kBlock, kNone);
    for (float& power : powers) {
      const float t = (power - max) * scale;
      power = exp2_inline(t > kLow ? t : kLow);  // NaN is low, too
    }
    float lanes[kLanes] = {};
    for (size_t i = 0; i < kBlock; i += kLanes)
      for (size_t j = 0; j < kLanes; ++j) lanes[j] += powers[i + j];
    float block_sum = 0;
    for (const float lane : lanes) block_sum += lane;
    sum += block_sum;
  }
  return sum;
}

void LogitScan::at_least(float floor, float scale, std::vector<ScoredToken>& out) const {
  out.clear();
  for (size_t b = 0; b < block_max_.size(); ++b) {
    if (!((block_max_[b] - max_) * scale >= floor)) continue;
    const std::span<const float> values = block(b);
    for (size_t i = 0; i < values.size(); ++i) {
      const float t = (values[i] - max_) * scale;
      if (t >= floor) out.push_back({t, static_cast<int32_t>(b * kBlock + i)});
    }
  }
}

}  // namespace winnow
