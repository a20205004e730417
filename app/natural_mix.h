// Texts for winnow bench where the user brings none: words that the model's own tokenizer knows, in
// lengths as search results have them. The same for the same tokenizer and seed.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace winnow {

// The tokenizer's ordinary words, each one token behind a space: English ones of small letters, and
// Chinese ones; each in the vocabulary's order, in which common words come early. At most
// kMostWords of each kind; empty where the vocabulary has none.
struct OrdinaryWords {
  static constexpr size_t kMostWords = 4000;
  std::vector<std::string> english, chinese;
};
OrdinaryWords ordinary_words(const Tokenizer& tokenizer);

struct TextPair {
  std::string query, document;
};

class NaturalMix {
 public:
  // The tokenizer must outlive it. Throws kUnsupported when it has no ordinary word.
  explicit NaturalMix(const Tokenizer& tokenizer, uint32_t seed = 1);

  // A text of `tokens` tokens, give or take a few: special ones are not counted. Common words come
  // often, as in natural text, and one in seven is two run together, which takes more than a token.
  // One text in four is Chinese where the tokenizer has Chinese words.
  std::string text(int tokens);

  // A length in tokens as passages have it: 30 to `longest`, half of them below 180, mean about 210
  // where `longest` is 512.
  int length(int longest);

  // A query of 8 to 24 tokens and a document, together of `tokens` tokens, special ones included.
  TextPair pair(int tokens);

 private:
  std::string words(bool chinese, int count);
  int below(int limit);

  const Tokenizer& tokenizer_;
  OrdinaryWords words_;
  std::mt19937 random_;
};

}  // namespace winnow
