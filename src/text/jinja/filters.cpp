// jinja2's filters but those over sequences (sequence_filters.cpp), and tojson as transformers
// defines it.
#include "text/jinja/filters.h"

#include <charconv>
#include <cmath>
#include <map>

#include "base/utf8.h"
#include "text/jinja/operators.h"
#include "text/jinja/printing.h"
#include "text/jinja/python_text.h"

namespace winnow::jinja {
namespace {

Value filter_tojson(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("tojson", a, {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonStyle style;
  style.ascii = p.truth(0, false);
  style.sorted = p.truth(3, false);
  if (p[1] && p[1]->is_string())
    style.indent = p[1]->text();
  else if (p[1] && !p[1]->is_none()) {
    const int64_t width = p.whole(1, 0);
    if (width > 1000) fail(Code::kUnsupported, "tojson: want an indent up to 1000, got ", width);
    style.indent = std::string(static_cast<size_t>(std::max<int64_t>(0, width)), ' ');
  }
  if (style.indent) style.item_separator = ",";
  if (p[2] && !p[2]->is_none()) {
    const std::vector<Value> both = elements(budget, *p[2]);
    if (both.size() != 2 || !both[0].is_string() || !both[1].is_string())
      fail(Code::kInvalidArgument, "tojson: want two strings as separators");
    style.item_separator = both[0].text();
    style.key_separator = both[1].text();
  }
  return to_json(budget, v, style);
}

// A filter that sees str(value) and keeps Markup.
template <std::string (*change)(Budget&, std::string_view)>
Value filter_changed(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("filter", a, {});
  return Value(change(budget, to_text(budget, v)), v.is_safe());
}

Value filter_trim(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("trim", a, {"chars"});
  const std::string text = to_text(budget, v);
  std::optional<std::string_view> chars;
  const std::string given = p.text(0, "");
  if (p[0] && !p[0]->is_none()) chars = given;
  if (chars) budget.step(static_cast<int64_t>(text.size() * given.size()) / 64);
  return Value(std::string(strip(text, chars, true, true)), v.is_safe());
}

Value filter_default(Budget&, const Value& v, const Arguments& a) {
  const Parameters p("default", a, {"default_value", "boolean"});
  const bool replaces = v.is_undefined() || (p.truth(1, false) && !v.truth());
  if (!replaces) return v;
  return p[0] ? *p[0] : Value("");
}

Value filter_length(Budget&, const Value& v, const Arguments& a) {
  const Parameters p("length", a, {});
  return length(v);
}

Value filter_replace(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("replace", a, {"old", "new", "count"});
  return Value(replace(budget, to_text(budget, v), to_text(budget, p.want(0)),
                       to_text(budget, p.want(1)), p.whole(2, -1)),
               v.is_safe());
}

Value filter_string(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("string", a, {});
  return v.is_string() ? v : Value(to_text(budget, v));
}

Value filter_safe(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("safe", a, {});
  return Value(to_text(budget, v), true);
}

Value filter_escape(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("escape", a, {});
  return v.is_safe() ? v : Value(escape_html(budget, to_text(budget, v)), true);
}

// Python's float(text); empty when it is none.
std::optional<double> parse_float(std::string_view text) {
  std::string plain;
  text = strip(text, std::nullopt, true, true);
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '_')
      plain += text[i];
    else if (i == 0 || i + 1 == text.size() ||
             !std::isdigit(static_cast<unsigned char>(text[i - 1])) ||
             !std::isdigit(static_cast<unsigned char>(text[i + 1])))
      return std::nullopt;
  std::string_view digits = plain;
  if (digits.starts_with('+') && !digits.substr(1).starts_with('-')) digits.remove_prefix(1);
  double value = 0;
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (end.ptr != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  if (end.ec == std::errc::result_out_of_range) return std::strtod(plain.c_str(), nullptr);
  return value;
}

// Python's int(text, base); empty when it is none.
std::optional<int64_t> parse_int(std::string_view text, int64_t base) {
  text = strip(text, std::nullopt, true, true);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  constexpr std::pair<char, int64_t> kPrefixes[] = {{'x', 16}, {'o', 8}, {'b', 2}};
  if (text.size() > 2 && text[0] == '0')
    for (const auto& [letter, of] : kPrefixes)
      if ((text[1] | 32) == letter && base == of) text.remove_prefix(2);
  std::string digits(negative ? "-" : "");
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '_')
      digits += text[i];
    else if (i == 0 || i + 1 == text.size() || text[i + 1] == '_')
      return std::nullopt;
  if (text.empty() || text[0] == '-') return std::nullopt;
  int64_t value = 0;
  const auto end =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, static_cast<int>(base));
  if (end.ptr != digits.data() + digits.size()) return std::nullopt;
  if (end.ec != std::errc()) fail(Code::kUnsupported, "int: want 64 bits, got ", digits);
  return value;
}

Value whole_of(double number, const Value& absent) {
  if (std::isnan(number) || std::isinf(number)) return absent;
  if (std::abs(number) >= 9.2e18) fail(Code::kUnsupported, "int: want 64 bits, got ", number);
  return static_cast<int64_t>(number);
}

Value filter_int(Budget&, const Value& v, const Arguments& a) {
  const Parameters p("int", a, {"default", "base"});
  const Value absent = p[0] ? *p[0] : Value(0);
  const int64_t base = p.whole(1, 10);
  if (base < 2 || base > 36) fail(Code::kUnsupported, "int: want a base of 2 to 36, got ", base);
  if (v.is_whole()) return v.whole();
  if (v.is_float()) return whole_of(v.real(), absent);
  v.want_defined();
  if (!v.is_string()) return absent;
  if (const auto whole = parse_int(v.text(), base)) return *whole;
  const auto real = parse_float(v.text());
  return real ? whole_of(*real, absent) : absent;
}

Value filter_float(Budget&, const Value& v, const Arguments& a) {
  const Parameters p("float", a, {"default"});
  const Value absent = p[0] ? *p[0] : Value(0.0);
  if (v.is_number()) return v.real();
  v.want_defined();
  if (!v.is_string()) return absent;
  const auto real = parse_float(v.text());
  return real ? Value(*real) : absent;
}

Value filter_abs(Budget&, const Value& v, const Arguments& a) {
  const Parameters p("abs", a, {});
  v.want_defined();
  if (v.is_whole()) return v.whole() < 0 ? negate(v) : Value(v.whole());
  if (v.is_float()) return std::abs(v.real());
  fail(Code::kInvalidArgument, "bad operand type for abs(): '", v.type(), "'");
}

// Python's round(): the nearest decimal of the exact value, ties to even.
double round_common(double number, int64_t precision) {
  char buffer[512];
  if (precision > 300 || std::abs(number) > 1e150) return number;
  if (precision < 0) {
    const double scale = std::pow(10.0, static_cast<double>(-precision));
    return std::nearbyint(number / scale) * scale;
  }
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed,
                                 static_cast<int>(precision));
  double out = number;
  std::from_chars(buffer, end.ptr, out);
  return out;
}

Value filter_round(Budget&, const Value& v, const Arguments& a) {
  const Parameters p("round", a, {"precision", "method"});
  const std::string method = p.text(1, "common");
  const int64_t precision = p.whole(0, 0);
  v.want_defined();
  if (!v.is_number()) fail(Code::kInvalidArgument, "round: want a number, got ", v.type());
  if (method == "common" && v.is_whole() && precision >= 0) return v.whole();
  if (method == "common") return round_common(v.real(), precision);
  const double scale = std::pow(10.0, static_cast<double>(precision));
  if (method == "ceil") return std::ceil(v.real() * scale) / scale;
  if (method == "floor") return std::floor(v.real() * scale) / scale;
  fail(Code::kInvalidArgument, "method must be common, ceil or floor");
}

Value filter_indent(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("indent", a, {"width", "first", "blank"});
  Builder margin(budget);
  if (p[0] && p[0]->is_string())
    margin += p[0]->text();
  else
    margin.repeat(" ", p.whole(0, 4));
  const bool first = p.truth(1, false), blank = p.truth(2, false);
  const std::string text = to_text(budget, v) + "\n";
  Builder out(budget);
  bool is_first = true;
  for (const std::string_view line : split_lines(budget, text, false)) {
    if (!is_first) out += '\n';
    if (is_first ? first : blank || !line.empty()) out += margin.text();
    out += line;
    is_first = false;
  }
  return Value(out.take(), v.is_safe());
}

Value filter_center(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("center", a, {"width"});
  const Value text(to_text(budget, v));
  Arguments width;
  width.positional.push_back(Value(p.whole(0, 80)));
  return find_method(text, "center").callable()->native(budget, text, width);
}

Value filter_format(Budget& budget, const Value& v, const Arguments& a) {
  if (!a.named.empty()) fail(Code::kUnsupported, "format: want positional arguments, got named");
  return format_percent(budget, to_text(budget, v),
                        make_sequence(budget, a.positional, Sequence::Flavor::kTuple));
}

Value filter_wordcount(Budget& budget, const Value& v, const Arguments& a) {
  const Parameters p("wordcount", a, {});
  const std::string text = to_text(budget, v);
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    const bool word = c.value == '_' || is_letter(c.value) || (c.value >= '0' && c.value <= '9');
    words += word && !inside;
    inside = word;
    at += static_cast<size_t>(c.bytes);
  }
  return words;
}

const FilterTable& text_filters() {
  static const FilterTable table = {
      {"tojson", filter_tojson},
      {"trim", filter_trim},
      {"default", filter_default},
      {"d", filter_default},
      {"length", filter_length},
      {"count", filter_length},
      {"replace", filter_replace},
      {"string", filter_string},
      {"safe", filter_safe},
      {"escape", filter_escape},
      {"e", filter_escape},
      {"int", filter_int},
      {"float", filter_float},
      {"abs", filter_abs},
      {"round", filter_round},
      {"indent", filter_indent},
      {"center", filter_center},
      {"format", filter_format},
      {"wordcount", filter_wordcount},
      {"lower", filter_changed<lower>},
      {"upper", filter_changed<upper>},
      {"capitalize", filter_changed<capitalize>},
      {"title", filter_changed<filter_title>},
  };
  return table;
}

}  // namespace

Filter find_filter(std::string_view name) {
  for (const FilterTable* table : {&text_filters(), &sequence_filters()})
    if (const auto found = table->find(name); found != table->end()) return found->second;
  return nullptr;
}

}  // namespace winnow::jinja
