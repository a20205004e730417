// What every reranker's encoding and decoding share, inside this room. Pure functions.
#pragma once

#include <span>
#include <vector>

#include "tasks/rerank.h"

namespace winnow {

// encode(document) appends what the document becomes, one Encoded or one a window, and this numbers
// them; a document that is empty or not UTF-8 becomes an error instead.
template <typename Encode>
void each_document(const RerankRequest& request, std::vector<Encoded>& out, Encode encode) {
  for (size_t i = 0; i < request.documents.size(); ++i) {
    const size_t begin = out.size();
    if (auto error = refuse_text(request.documents[i])) {
      out.push_back({{}, std::move(error)});
    } else {
      encode(request.documents[i]);
    }
    for (size_t at = begin; at < out.size(); ++at) {
      out[at].input = static_cast<int>(i);
      out[at].window = static_cast<int>(at - begin);
    }
  }
}

// The windows of a document of `length` tokens that does not fit into `room`: none when windows are
// not wanted, or would leave something out where that is an error.
std::vector<Window> windows_of(const RerankRequest& request, int length, int room);

// The ranking of scores[i], each encoded[i]'s and ignored where that has an error: best windows
// chosen, sorted, the best top_n. With as_sigmoid the answer has their sigmoids, the order being
// that of the scores. Throws kInternal when a score is not finite.
RerankResponse rank(const RerankRequest& request, std::span<const Encoded> encoded,
                    const std::vector<float>& scores, bool as_sigmoid);

}  // namespace winnow
