#include "text/word_matcher.h"

#include "base/utf8.h"
#include "text/regex_classes.h"

namespace winnow {
namespace {

constexpr std::string_view kGpt2Regex =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kQwenRegex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlamaRegex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

constexpr uint8_t kNotSymbol = kLetterClass | kNumberClass | kWhiteClass;

// Where a run of letters that goes on at `at` ends.
size_t letters_end(std::string_view text, size_t at) {
  const uint8_t* const table = regex_classes();
  while (at < text.size()) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {
      if ((table[lead] & kLetterClass) == 0) return at;
      ++at;
    } else {
      const CodePoint c = decode_utf8(text, at);
      if ((table[c.value] & kLetterClass) == 0) return at;
      at += static_cast<size_t>(c.bytes);
    }
  }
  return at;
}

bool is_ascii_letter(char c) { return static_cast<unsigned char>((c | 0x20) - 'a') < 26; }

// A place in a text and what stands there; past the end nothing does.
struct Cursor {
  explicit Cursor(std::string_view t, size_t from) : text(t), at(from) { look(); }

  void look() {
    if (at >= text.size()) {
      classes = 0;
      bytes = 0;
      return;
    }
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) {
      classes = table[lead];
      bytes = 1;
      return;
    }
    const CodePoint c = decode_utf8(text, at);
    classes = table[c.value];
    bytes = static_cast<size_t>(c.bytes);
  }
  bool ended() const { return bytes == 0; }
  bool is(uint8_t any_of) const { return (classes & any_of) != 0; }
  bool is_symbol() const { return !ended() && !is(kNotSymbol); }
  void next() {
    at += bytes;
    look();
  }
  void skip(uint8_t any_of) {
    while (is(any_of)) next();
  }
  void skip_symbols() {
    while (is_symbol()) next();
  }

  const uint8_t* table = regex_classes();
  std::string_view text;
  size_t at;
  uint8_t classes = 0;
  size_t bytes = 0;
};

// Bytes of 's 't 're 've 'm 'll 'd at a place, or 0; with fold also in upper case, and U+017F,
// which is an s to case folding.
size_t contraction(std::string_view text, size_t at, bool fold) {
  if (text[at] != '\'') return 0;
  const auto letter = [&](size_t i) -> char {
    const char c = at + i < text.size() ? text[at + i] : '\0';
    return fold && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  const char first = letter(1), second = first != '\0' ? letter(2) : '\0';
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if ((first == 'r' || first == 'v') && second == 'e') return 3;
  if (first == 'l' && second == 'l') return 3;
  return fold && text.substr(at + 1, 2) == "\u017F" ? 3 : 0;
}

// \s+(?!\S)|\s+ of a run of white space, and for all but GPT-2 \s*[\r\n]+ before them.
size_t white_space_end(Cursor c, bool line_breaks) {
  size_t last = c.at, after_break = 0;  // where the run's last code point begins
  const size_t begin = c.at;
  while (c.is(kWhiteClass)) {
    last = c.at;
    if (c.is(kLineBreakClass)) after_break = c.at + 1;
    c.next();
  }
  if (line_breaks && after_break > 0) return after_break;
  return c.ended() || last == begin ? c.at : last;
}

}  // namespace

std::string_view word_regex(WordPattern pattern) {
  switch (pattern) {
    case WordPattern::kGpt2:
      return kGpt2Regex;
    case WordPattern::kQwen:
      return kQwenRegex;
    case WordPattern::kLlama:
      return kLlamaRegex;
  }
  return {};
}

std::optional<WordPattern> known_word_pattern(std::string_view regex) {
  if (regex == kGpt2Regex) return WordPattern::kGpt2;
  if (regex == kQwenRegex) return WordPattern::kQwen;
  if (regex == kLlamaRegex) return WordPattern::kLlama;
  return std::nullopt;
}

template <WordPattern kPattern>
size_t word_end(std::string_view text, size_t begin) {
  constexpr bool kIsGpt2 = kPattern == WordPattern::kGpt2;
  // Most words are letters, with a space before them or without.
  if (is_ascii_letter(text[begin])) return letters_end(text, begin + 1);
  if (text[begin] == ' ' && begin + 1 < text.size() && is_ascii_letter(text[begin + 1]))
    return letters_end(text, begin + 2);
  if (const size_t bytes = contraction(text, begin, !kIsGpt2)) return begin + bytes;
  Cursor c(text, begin);
  if (c.is(kLetterClass)) return letters_end(text, c.at + c.bytes);
  if (!kIsGpt2 && c.is(kNumberClass)) {
    c.next();
    for (int more = kPattern == WordPattern::kLlama ? 2 : 0; more > 0 && c.is(kNumberClass); --more)
      c.next();
    return c.at;
  }
  Cursor next = c;
  next.next();
  const bool opens = kIsGpt2 ? text[begin] == ' ' : !c.is(kLineBreakClass | kNumberClass);
  if (opens && next.is(kLetterClass)) return letters_end(text, next.at + next.bytes);
  if (kIsGpt2) {
    Cursor& digits = text[begin] == ' ' ? next : c;
    if (digits.is(kNumberClass)) {
      digits.skip(kNumberClass);
      return digits.at;
    }
  }
  Cursor& symbols = text[begin] == ' ' ? next : c;
  if (symbols.is_symbol()) {
    symbols.skip_symbols();
    if (!kIsGpt2) symbols.skip(kLineBreakClass);
    return symbols.at;
  }
  return white_space_end(Cursor(text, begin), !kIsGpt2);
}

template size_t word_end<WordPattern::kGpt2>(std::string_view text, size_t begin);
template size_t word_end<WordPattern::kQwen>(std::string_view text, size_t begin);
template size_t word_end<WordPattern::kLlama>(std::string_view text, size_t begin);

size_t word_end(WordPattern pattern, std::string_view text, size_t begin) {
  switch (pattern) {
    case WordPattern::kGpt2:
      return word_end<WordPattern::kGpt2>(text, begin);
    case WordPattern::kQwen:
      return word_end<WordPattern::kQwen>(text, begin);
    case WordPattern::kLlama:
      return word_end<WordPattern::kLlama>(text, begin);
  }
  return text.size();
}

}  // namespace winnow
