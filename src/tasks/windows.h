// Long documents: caps, and the overlapping windows that a document is cut into. Pure functions.
#pragma once

#include <vector>

#include "text/tokenizer.h"

namespace winnow {

// What happens to a document that is longer than the model takes.
struct LongDocuments {
  int max_query_tokens = 0;     // a query's first so many tokens count; 0: no cap of its own
  int max_document_tokens = 0;  // likewise a document's; on the side that is kept
  int max_chunks = 1;           // above 1: at most so many windows, of which the best counts
  int overlap = 64;             // tokens that neighbouring windows share; at most half a window
};

// Keeps the first `most` tokens, or the last for kLeft; 0: all.
void keep(TokenSpan& tokens, int most, TruncationSide side);

// The windows [begin, end) of a text of `length` tokens: one of all when it fits into `room`, else
// windows of `room` tokens, each beginning room - overlap after the one before, the last ending
// with the text; what is more than max_chunks windows is left out at the side that is cut. room is
// at least 1.
struct Window {
  int begin, end;
  bool operator==(const Window&) const = default;
};
std::vector<Window> windows(int length, int room, const LongDocuments& how, TruncationSide side);

// A window's tokens.
TokenSpan slice(const TokenSpan& tokens, Window window);

}  // namespace winnow
