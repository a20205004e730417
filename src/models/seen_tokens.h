// Which tokens of a batch are keys and values: all, or each text's first so many (Batch::keys).
#pragma once

#include <vector>

#include "models/model.h"

namespace winnow {

class SeenTokens {
 public:
  explicit SeenTokens(const Batch& batch);

  // x [H, T, E] without the rows that nobody sees.
  Tensor of(Ops& f, const Tensor& x) const { return all_ ? x : f.gather_rows(x, rows_); }
  std::span<const int32_t> starts() const { return starts_; }  // [B + 1], of what `of` gives

 private:
  bool all_;
  std::vector<int32_t> rows_, starts_;
};

}  // namespace winnow
