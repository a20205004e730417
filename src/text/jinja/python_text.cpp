#include "text/jinja/python_text.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>

#include "base/utf8.h"
#include "text/unicode.h"

namespace winnow::jinja {
namespace {

bool is_in(std::string_view chars, char32_t c) {
  for (size_t at = 0; at < chars.size();) {
    const CodePoint p = decode_utf8(chars, at);
    if (p.value == c) return true;
    at += static_cast<size_t>(p.bytes);
  }
  return false;
}

size_t before(std::string_view text, size_t at) {
  do --at;
  while ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

std::vector<std::string_view> split_spaces(std::string_view text, int64_t most) {
  std::vector<std::string_view> out;
  text = strip(text, std::nullopt, true, false);
  while (!text.empty()) {
    size_t end = 0;
    while (end < text.size()) {
      const CodePoint p = decode_utf8(text, end);
      if (is_python_space(p.value)) break;
      end += static_cast<size_t>(p.bytes);
    }
    if (static_cast<int64_t>(out.size()) == most) end = text.size();
    out.push_back(text.substr(0, end));
    text = strip(text.substr(end), std::nullopt, true, false);
  }
  // The rest that is not split keeps its inner spaces and, in Python too, those at its end.
  return out;
}

std::vector<std::string_view> split_spaces_right(std::string_view text, int64_t most) {
  std::vector<std::string_view> out;
  text = strip(text, std::nullopt, false, true);
  while (!text.empty()) {
    size_t start = text.size();
    while (start > 0) {
      const size_t at = before(text, start);
      if (is_python_space(decode_utf8(text, at).value)) break;
      start = at;
    }
    if (static_cast<int64_t>(out.size()) == most) start = 0;
    out.push_back(text.substr(start));
    text = strip(text.substr(0, start), std::nullopt, false, true);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

// Capitals by small letters: what lower_case says, read backwards; the lowest capital wins. Then
// the letters whose capital has another small letter.
const std::unordered_map<char32_t, char32_t>& capitals() {
  static const std::unordered_map<char32_t, char32_t> map = [] {
    std::unordered_map<char32_t, char32_t> out;
    for (char32_t c = 0; c < 0x1F000; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      const Mapping m = lower_case(c);
      if (m.size == 1 && m.to[0] != c) out.emplace(m.to[0], c);
    }
    constexpr char32_t kOthers[][2] = {
        {0xB5, 0x39C},    {0x131, 'I'},    {0x17F, 'S'},    {0x1C5, 0x1C4},  {0x1C8, 0x1C7},
        {0x1CB, 0x1CA},   {0x1F2, 0x1F1},  {0x345, 0x399},  {0x3C2, 0x3A3},  {0x3D0, 0x392},
        {0x3D1, 0x398},   {0x3D5, 0x3A6},  {0x3D6, 0x3A0},  {0x3F0, 0x39A},  {0x3F1, 0x3A1},
        {0x3F5, 0x395},   {0x1C80, 0x412}, {0x1C81, 0x414}, {0x1C82, 0x41E}, {0x1C83, 0x421},
        {0x1C84, 0x422},  {0x1C85, 0x422}, {0x1C86, 0x42A}, {0x1C87, 0x462}, {0x1C88, 0xA64A},
        {0x1E9B, 0x1E60}, {0x1FBE, 0x399}};
    for (const auto& [small, capital] : kOthers) out[small] = capital;
    return out;
  }();
  return map;
}

// Whether Unicode gives the letter a capital of several letters.
bool has_long_capital(char32_t c) {
  return c == 0x149 || c == 0x1F0 || c == 0x390 || c == 0x3B0 || c == 0x587 ||
         (c >= 0x1E96 && c <= 0x1E9A) || (c >= 0x1F50 && c <= 0x1F56 && c % 2 == 0) ||
         (c >= 0x1F80 && c <= 0x1FAF) ||
         (c >= 0x1FB2 && c <= 0x1FFC && c != 0x1FBE &&
          lower_case(c).view() == std::u32string_view(&c, 1) &&
          (c % 16 == 2 || c % 16 == 3 || c % 16 == 4 || c % 16 == 6 || c % 16 == 7 ||
           c % 16 == 12)) ||
         (c >= 0xFB00 && c <= 0xFB06) || (c >= 0xFB13 && c <= 0xFB17);
}

void append_lower(std::string& out, char32_t c) {
  for (const char32_t small : lower_case(c)) append_utf8(out, small);
}

void append_upper(std::string& out, char32_t c) {
  if (c == 0xDF) {
    out += "SS";
    return;
  }
  if (has_long_capital(c))
    fail(Code::kUnsupported, "upper: want a letter with a capital of one letter, got code point ",
         static_cast<uint32_t>(c));
  const auto found = capitals().find(c);
  append_utf8(out, found == capitals().end() ? c : found->second);
}

// Each code point through `append`, paid at twice its size: no case changes more.
template <typename Append>
std::string mapped(Budget& budget, std::string_view text, Append append) {
  budget.bytes(static_cast<int64_t>(text.size()) * 2);
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = decode_utf8(text, at);
    append(out, p.value);
    at += static_cast<size_t>(p.bytes);
  }
  return out;
}

}  // namespace

bool is_python_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

std::string_view strip(std::string_view text, std::optional<std::string_view> chars, bool left,
                       bool right) {
  const auto drops = [&](char32_t c) { return chars ? is_in(*chars, c) : is_python_space(c); };
  while (left && !text.empty()) {
    const CodePoint p = decode_utf8(text, 0);
    if (!drops(p.value)) break;
    text.remove_prefix(static_cast<size_t>(p.bytes));
  }
  while (right && !text.empty()) {
    const size_t at = before(text, text.size());
    if (!drops(decode_utf8(text, at).value)) break;
    text = text.substr(0, at);
  }
  return text;
}

std::vector<std::string_view> split(Budget& budget, std::string_view text,
                                    std::optional<std::string_view> separator, int64_t most) {
  budget.step(static_cast<int64_t>(text.size()) / 8);
  if (!separator) return split_spaces(text, most);
  if (separator->empty()) fail(Code::kInvalidArgument, "empty separator");
  std::vector<std::string_view> out;
  size_t at = text.find(*separator);
  while (at != std::string_view::npos && static_cast<int64_t>(out.size()) != most) {
    out.push_back(text.substr(0, at));
    text.remove_prefix(at + separator->size());
    at = text.find(*separator);
  }
  out.push_back(text);
  budget.step(static_cast<int64_t>(out.size()));
  return out;
}

std::vector<std::string_view> split_right(Budget& budget, std::string_view text,
                                          std::optional<std::string_view> separator, int64_t most) {
  budget.step(static_cast<int64_t>(text.size()) / 8);
  if (!separator) return split_spaces_right(text, most);
  if (separator->empty()) fail(Code::kInvalidArgument, "empty separator");
  std::vector<std::string_view> out;
  size_t at = text.rfind(*separator);
  while (at != std::string_view::npos && static_cast<int64_t>(out.size()) != most) {
    out.push_back(text.substr(at + separator->size()));
    text = text.substr(0, at);
    at = text.rfind(*separator);
  }
  out.push_back(text);
  std::reverse(out.begin(), out.end());
  return out;
}

std::vector<std::string_view> split_lines(Budget& budget, std::string_view text, bool keep_ends) {
  budget.step(static_cast<int64_t>(text.size()) / 8);
  std::vector<std::string_view> out;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = decode_utf8(text, at);
    const size_t end = at;
    at += static_cast<size_t>(p.bytes);
    const char32_t c = p.value;
    if (!((c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
          c == 0x2029))
      continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    out.push_back(text.substr(start, (keep_ends ? at : end) - start));
    start = at;
  }
  if (start < text.size()) out.push_back(text.substr(start));
  return out;
}

std::string replace(Budget& budget, std::string_view text, std::string_view from,
                    std::string_view to, int64_t most) {
  budget.step(static_cast<int64_t>(text.size()) / 8);
  Builder out(budget);
  int64_t count = 0;
  if (from.empty()) {  // before every code point and at the end
    size_t at = 0;
    for (; count != most && at <= text.size(); ++count) {
      out += to;
      if (at == text.size()) return out.take();
      const size_t bytes = static_cast<size_t>(decode_utf8(text, at).bytes);
      out += text.substr(at, bytes);
      at += bytes;
    }
    out += text.substr(at);
    return out.take();
  }
  size_t at = text.find(from);
  for (; at != std::string_view::npos && count != most; ++count) {
    budget.step();
    out += text.substr(0, at);
    out += to;
    text.remove_prefix(at + from.size());
    at = text.find(from);
  }
  out += text;
  return out.take();
}

std::string lower(Budget& budget, std::string_view text) {
  return mapped(budget, text, append_lower);
}

std::string upper(Budget& budget, std::string_view text) {
  return mapped(budget, text, append_upper);
}

std::string capitalize(Budget& budget, std::string_view text) {
  bool first = true;
  return mapped(budget, text, [&](std::string& out, char32_t c) {
    first ? append_upper(out, c) : append_lower(out, c);
    first = false;
  });
}

std::string title(Budget& budget, std::string_view text) {
  bool inside = false;
  return mapped(budget, text, [&](std::string& out, char32_t c) {
    inside ? append_lower(out, c) : append_upper(out, c);
    inside = is_cased_letter(c);
  });
}

std::string filter_title(Budget& budget, std::string_view text) {
  bool inside = false;
  return mapped(budget, text, [&](std::string& out, char32_t c) {
    inside ? append_lower(out, c) : append_upper(out, c);
    inside = !is_python_space(c) && c != '-' && c != '(' && c != '{' && c != '[' && c != '<';
  });
}

bool is_cased_letter(char32_t c) {
  const Mapping small = lower_case(c);
  return small.size != 1 || small.to[0] != c || capitals().contains(c) || c == 0xDF ||
         has_long_capital(c);
}

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return (code_point_bits(c) & kWordBit) && !(code_point_bits(c) & kCombiningMarkBit);
}

size_t byte_offset(std::string_view text, int64_t index) {
  size_t at = 0;
  while (index-- > 0 && at < text.size()) at += static_cast<size_t>(decode_utf8(text, at).bytes);
  return at;
}

}  // namespace winnow::jinja
