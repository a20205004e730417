// The best tokens of rows of logits, found on the GPU: what travels to the host is a pair a choice
// in place of a row of the vocabulary.
#pragma once

#include <cstdint>

#include "ops/kernels.h"

namespace winnow::cuda {

constexpr int kMostChoices = 64;

struct TokenChoiceArgs {
  const float* logits;  // [rows, vocab], rows `row` apart
  int64_t rows, vocab, row;
  int64_t count;    // of choices a row, 1 to kMostChoices
  TokenLogit* out;  // [rows, count], best first
};

// Larger logits are better, and of equal ones the smaller id, as in tasks/sampler.h; 0 equals -0. A
// logit of -inf or NaN is never a choice: where a row has fewer others than `count`, the rest are
// {-1, -inf}. The same row gives the same choices in every batch. All pointers are the GPU's.
// Throws kInvalidArgument when count is out of range, or vocab beyond 2^31 - 1.
void choose_tokens(const TokenChoiceArgs& args, Stream& stream);

// The table's entry: the same into the process's memory.
void best_tokens(const ChooseTokensArgs& args, Stream& stream);

}  // namespace winnow::cuda
