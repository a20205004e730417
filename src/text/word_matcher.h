// The regular expressions that byte-level tokenizers split words with, by hand: each match begins
// where the one before it ends, and together they cover the text. Immutable and thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace winnow {

// kGpt2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// kQwen: (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|
//        \s*[\r\n]+|\s+(?!\S)|\s+
// kLlama: kQwen with \p{N}{1,3}
enum class WordPattern { kGpt2, kQwen, kLlama };

// Its regular expression.
std::string_view word_regex(WordPattern pattern);

// The one that a regular expression is, letter by letter.
std::optional<WordPattern> known_word_pattern(std::string_view regex);

// The end of the word that begins at byte `begin` of a text (well-formed UTF-8, begin < size).
template <WordPattern kPattern>
size_t word_end(std::string_view text, size_t begin);

// The same for a pattern known at run time.
size_t word_end(WordPattern pattern, std::string_view text, size_t begin);

}  // namespace winnow
