// What a sampler asks of a row of logits, answered without sorting or copying it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace winnow {

struct ScoredToken {
  float score;
  int32_t id;
};

// The order of all choices: the higher score first, of equal ones the smaller id.
inline bool better(const ScoredToken& a, const ScoredToken& b) {
  return a.score > b.score || (a.score == b.score && a.id < b.id);
}

// 2 to the power t, for t in [-100, 0], within 3 ulp. The same bits on every machine, as no libm is
// asked and this room is built without contraction to fused multiply-adds.
float exp2_of(float t);

// One row of logits [V] f32 and the maximum of each block of it, so that whole blocks are passed
// over. -inf and NaN stand for tokens that cannot be chosen; +inf must not occur. Reads the row
// once in read(); after that, the row must outlive the questions. Not thread-safe.
class LogitScan {
 public:
  void read(std::span<const float> row);

  float max() const { return max_; }  // -inf when no logit is finite
  int32_t arg_max() const;            // the smallest id that has the maximum

  // The best k by `better`, in that order; fewer when fewer are finite.
  std::vector<ScoredToken> best(size_t k) const;

  // The sum over all tokens of 2^((logit - max) * scale), scale > 0. In the same order everywhere.
  double sum_exp2(float scale) const;

  // Puts every token with (logit - max) * scale >= floor into out, ids ascending, scores so scaled.
  void at_least(float floor, float scale, std::vector<ScoredToken>& out) const;

 private:
  static constexpr size_t kBlock = 128;
  std::span<const float> block(size_t index) const;

  std::span<const float> row_;
  std::vector<float> block_max_;
  float max_ = 0;
};

}  // namespace winnow
