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
  if (const auto text = json.find("String")) {
    out.text_ = decode(text->string(), 0).text;
    if (out.text_.empty()) fail(Code::kCorrupt, text->path(), ": want some text, got none");
    return out;
  }
  const Json regex = json.at("Regex");
  const std::string_view expression = regex.string();
  if (!expression.empty()) {
    const CodePoint c = decode_utf8(expression, 0);
    out.repeated_ = c.value;
    out.least_ = least_of(expression.substr(static_cast<size_t>(c.bytes)));
  }
  if (out.least_ == 0 || !is_plain(out.repeated_))
    fail(Code::kUnsupported, regex.path(), ": want an expression like \" {2,}\", got \"",
         expression, '"');
  return out;
}

Pattern Pattern::repeated(char32_t c, size_t least) {
  Pattern out;
  out.repeated_ = c;
  out.least_ = least;
  return out;
}

std::optional<std::pair<size_t, size_t>> Pattern::find(std::u32string_view text,
                                                       size_t from) const {
  if (least_ == 0) {
    const size_t at = text.find(text_, from);
    if (at == text.npos) return std::nullopt;
    return std::pair(at, at + text_.size());
  }
  while ((from = text.find(repeated_, from)) != text.npos) {
    const size_t end = std::min(text.find_first_not_of(repeated_, from), text.size());
    if (end - from >= least_) return std::pair(from, end);
    from = end;
  }
  return std::nullopt;
}

}  // namespace winnow
