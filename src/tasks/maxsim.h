// Late interaction: a text as one vector a token, two texts compared by their best matches. Pure
// functions. Source: Khattab & Zaharia 2020, eq. 3.
#pragma once

#include <cstdint>
#include <vector>

namespace winnow {

// n vectors of one length, one after the other.
struct TokenVectors {
  int dimensions = 0;
  std::vector<float> values;  // [n, dimensions]

  // n.
  int64_t count() const {
    return dimensions > 0 ? static_cast<int64_t>(values.size()) / dimensions : 0;
  }
};

// The mean over the query's vectors of the largest dot product with a document's: bge-m3's score,
// and ColBERT's divided by the number of query vectors. Sums in f32 in order. Throws
// kInvalidArgument when either has no vector, or their lengths differ.
float maxsim(const TokenVectors& query, const TokenVectors& document);

}  // namespace winnow
