#include "tasks/maxsim.h"

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace winnow {

float maxsim(const TokenVectors& query, const TokenVectors& document) {
  const int size = query.dimensions;
  require(size > 0 && size == document.dimensions && query.count() > 0 && document.count() > 0,
          "maxsim: want vectors of one length on both sides, got ", query.count(), " of ", size,
          " and ", document.count(), " of ", document.dimensions);
  float sum = 0;
  for (int64_t q = 0; q < query.count(); ++q) {
    const float* a = query.values.data() + q * size;
    float best = -std::numeric_limits<float>::infinity();
    for (int64_t d = 0; d < document.count(); ++d) {
      const float* b = document.values.data() + d * size;
      float dot = 0;
      for (int i = 0; i < size; ++i) dot += a[i] * b[i];
      best = std::max(best, dot);
    }
    sum += best;
  }
  return sum / static_cast<float>(query.count());
}

}  // namespace winnow
