#include "text/pattern.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/utf8.h"
#include "text/normalizer.h"

namespace winnow {
namespace {

bool is_plain(char32_t c) {
  return std::u32string_view(U"\\^$.|?*+()[]{}").find(c) == std::u32string_view::npos;
}

// n of "{n,}", 1 of "+"; 0 of anything else.
size_t least_of(std::string_view quantifier) {
  if (quantifier == "+") return 1;
  if (!quantifier.starts_with('{') || !quantifier.ends_with(",}")) return 0;
  size_t least = 0;
  const char* const end = quantifier.data() + quantifier.size() - 2;
  const auto [at, error] = std::from_chars(quantifier.data() + 1, end, least);
  return error == std::errc() && at == end ? least : 0;
}

}  // namespace

Pattern Pattern::from_json(const Json& json) {
  Pattern out;
  const auto text = json.find("String");
  if (text) out.text_ = decode(text->string(), 0).text;
  if (!out.text_.empty()) return out;
  const std::string expression(text ? "" : json.string("Regex"));
  if (!expression.empty()) {
    const CodePoint c = decode_utf8(expression, 0);
    const size_t least =
        least_of(std::string_view(expression).substr(static_cast<size_t>(c.bytes)));
    if (least > 0 && is_plain(c.value)) return repeated(c.value, least);
  }
  out.regex_.emplace(expression, json.path());
  return out;
}

Pattern Pattern::repeated(char32_t c, size_t least) {
  Pattern out;
  out.repeated_ = c;
  out.least_ = least;
  return out;
}

bool Pattern::same(const Pattern& other) const {
  return !regex_ && !other.regex_ && text_ == other.text_ && repeated_ == other.repeated_ &&
         least_ == other.least_;
}

void Pattern::find_all(std::u32string_view text, std::vector<Match>& matches) const {
  matches.clear();
  if (regex_) return find_regex(text, matches);
  size_t from = 0;
  if (least_ == 0) {
    for (; (from = text.find(text_, from)) != text.npos; from += text_.size())
      matches.push_back({from, from + text_.size()});
    return;
  }
  while ((from = text.find(repeated_, from)) != text.npos) {
    const size_t end = std::min(text.find_first_not_of(repeated_, from), text.size());
    if (end - from >= least_) matches.push_back({from, end});
    from = end;
  }
}

void Pattern::find_regex(std::u32string_view text, std::vector<Match>& matches) const {
  if (text.empty()) return;
  std::string utf8;
  for (const char32_t c : text) append_utf8(utf8, c);
  std::vector<Regex::Match> found;
  regex_->find_all(utf8, found);
  size_t byte = 0, at = 0;  // byte `byte` is code point `at`; both only rise
  const auto code_point = [&](size_t to) {
    at += static_cast<size_t>(code_points(std::string_view(utf8).substr(byte, to - byte)));
    byte = to;
    return at;
  };
  for (const auto& [begin, end] : found) {
    const size_t first = code_point(begin);
    matches.push_back({first, code_point(end)});
  }
}

}  // namespace winnow
