// Source: the `tokenizers` library, utils/truncation, strategy longest_first.
#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/tokenizer.h"

namespace winnow {
namespace {

template <typename T>
void cut(std::vector<T>& tokens, size_t keep, TruncationSide side) {
  if (tokens.size() <= keep) return;
  if (side == TruncationSide::kLeft)
    tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(keep));
  else
    tokens.resize(keep);
}

void cut(TokenSpan& tokens, size_t keep, TruncationSide side) {
  cut(tokens.ids, keep, side);
  cut(tokens.offsets, keep, side);
}

}  // namespace

void truncate(TokenSpan& first, TokenSpan* second, int special_tokens, int max_length,
              TruncationSide side) {
  if (max_length <= special_tokens)
    fail(Code::kTooLong, "truncate: want max_length above the ", special_tokens,
         " special tokens, got ", max_length);
  const auto budget = static_cast<size_t>(max_length - special_tokens);
  if (!second) return cut(first, budget, side);

  size_t shorter = first.ids.size(), longer = second->ids.size();
  if (shorter + longer <= budget) return;
  const bool swapped = shorter > longer;
  if (swapped) std::swap(shorter, longer);
  longer = shorter > budget ? shorter : std::max(shorter, budget - shorter);
  if (shorter + longer > budget) {
    shorter = budget / 2;
    longer = shorter + budget % 2;
  }
  if (swapped) std::swap(shorter, longer);
  cut(first, shorter, side);
  cut(*second, longer, side);
}

}  // namespace winnow
