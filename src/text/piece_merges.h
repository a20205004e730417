// SentencePiece's BPE has no list of merges: it joins the neighbours whose piece ranks first. As
// ranked merges, that is every way to part each piece into two others. Source: transformers'
// generate_merges.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "text/bpe.h"

namespace winnow {

// A way to part a piece.
struct PieceParts {
  int32_t whole, left, right;                   // ids
  int64_t left_code_points, right_code_points;  // their lengths
};

// All ways: pieces by rising id, and of one piece by rising ids of its parts. `takes` says which
// ids take part, as wholes and as parts; of equal pieces the first that does counts. Time grows
// with the sum of the squares of the pieces' lengths.
std::vector<PieceParts> parts_of_pieces(const std::vector<std::string>& pieces,
                                        const std::function<bool(int32_t)>& takes);

// As merges, in their order.
Bpe::Merges merges_of(const std::vector<PieceParts>& parts, const std::vector<std::string>& pieces);

}  // namespace winnow
