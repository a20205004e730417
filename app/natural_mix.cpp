#include "app/natural_mix.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"

namespace winnow {
namespace {

bool is_english(std::string_view word) {
  return word.size() >= 2 && word.size() <= 14 &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

// One to four characters of U+4E00 to U+9FFF, which are E4 B8 80 to E9 BF BF in UTF-8.
bool is_chinese(std::string_view word) {
  if (word.empty() || word.size() % 3 != 0 || word.size() > 12) return false;
  for (size_t i = 0; i < word.size(); i += 3) {
    const auto a = static_cast<uint8_t>(word[i]), b = static_cast<uint8_t>(word[i + 1]);
    if (a < 0xE4 || a > 0xE9 || (a == 0xE4 && b < 0xB8)) return false;
  }
  return true;
}

// Numbers from the generator alone: the standard's distributions differ between libraries.
double uniform(std::mt19937& random) {
  return (static_cast<double>(random()) + 0.5) / 4294967296.0;
}

double normal(std::mt19937& random) {
  const double radius = std::sqrt(-2 * std::log(uniform(random)));
  return radius * std::cos(6.283185307179586 * uniform(random));
}

// Ranks by a power law: the first of 4,000 words is drawn about once in twelve.
const std::string& draw(const std::vector<std::string>& words, std::mt19937& random) {
  const double rank = std::pow(static_cast<double>(words.size()) + 1, uniform(random)) - 1;
  return words[std::min(static_cast<size_t>(rank), words.size() - 1)];
}

}  // namespace

OrdinaryWords ordinary_words(const Tokenizer& tokenizer) {
  OrdinaryWords out;
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.has_token(id) || tokenizer.is_special(id)) continue;
    if (tokenizer.token(id).starts_with("##")) continue;  // WordPiece: the rest of a word
    std::string bytes = tokenizer.token_bytes(id);
    if (bytes.starts_with(' ')) bytes.erase(0, 1);
    const bool english = is_english(bytes);
    if (!english && !is_chinese(bytes)) continue;
    std::vector<std::string>& words = english ? out.english : out.chinese;
    if (words.size() == OrdinaryWords::kMostWords) continue;
    // English behind a space, Chinese inside a text.
    const TokenSpan inside = tokenizer.tokenize(english ? "a " + bytes : bytes + bytes);
    if (inside.ids.size() == 2 && inside.ids[1] == id) words.push_back(bytes);
  }
  return out;
}

NaturalMix::NaturalMix(const Tokenizer& tokenizer, uint32_t seed)
    : tokenizer_(tokenizer), words_(ordinary_words(tokenizer)), random_(seed) {
  if (words_.english.empty() && words_.chinese.empty())
    fail(Code::kUnsupported,
         "the built-in texts: want a tokenizer with English or Chinese words, got one without; "
         "give texts of your own");
}

int NaturalMix::below(int limit) {
  return static_cast<int>(uniform(random_) * static_cast<double>(limit));
}

std::string NaturalMix::words(bool chinese, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    if (chinese) {
      text += draw(words_.chinese, random_);
      if (below(12) == 0) text += "，";
    } else {
      if (!text.empty()) text += ' ';
      text += draw(words_.english, random_);
      if (below(7) == 0) text += draw(words_.english, random_);
    }
  }
  return text;
}

std::string NaturalMix::text(int tokens) {
  const bool chinese = words_.english.empty() || (!words_.chinese.empty() && below(4) == 0);
  std::string text;
  int have = 0;
  // What is missing, in words of about one token each; a few rounds come close from below.
  for (int round = 0; round < 6 && have < tokens; ++round) {
    const int missing = tokens - have;
    const std::string more = words(chinese, std::max(missing * (round < 2 ? 7 : 9) / 10, 1));
    text += (text.empty() || chinese ? "" : " ") + more;
    have = static_cast<int>(tokenizer_.tokenize(text).ids.size());
  }
  while (have > tokens + 1) {  // words of many tokens: cut what is too much, a character at a time
    const size_t cut = text.size() - std::max<size_t>(1, text.size() / static_cast<size_t>(have));
    text.resize(cut);
    while (!text.empty() && invalid_utf8_at(text)) text.pop_back();
    if (text.empty()) break;
    have = static_cast<int>(tokenizer_.tokenize(text).ids.size());
  }
  return text.empty() ? words(chinese, 1) : text;
}

int NaturalMix::length(int longest) {
  const double length = 180 * std::exp(0.6 * normal(random_));
  return std::clamp(static_cast<int>(length), std::min(30, longest), longest);
}

TextPair NaturalMix::pair(int tokens) {
  const int room = std::max(tokens - tokenizer_.special_tokens(true), 2);
  const int query = std::min(8 + below(17), std::max(room / 2, 1));
  TextPair out{text(query), {}};
  const auto taken = static_cast<int>(tokenizer_.tokenize(out.query).ids.size());
  out.document = text(std::max(room - taken, 1));
  return out;
}

}  // namespace winnow
