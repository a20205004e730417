#include "text/jinja/printing.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/utf8.h"
#include "text/jinja/operators.h"
#include "text/jinja/python_text.h"
#include "text/unicode.h"

namespace winnow::jinja {
namespace {

constexpr char kHex[] = "0123456789abcdef";

void append_hex(Builder& out, uint32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += kHex[(value >> shift) & 15];
}

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  return c >= 0x20 && c != 0x7F && !is_python_space(c) && !(code_point_bits(c) & kRemovedBit);
}

void quote_python(Builder& out, std::string_view text) {
  const bool has_single = text.find('\'') != text.npos, has_double = text.find('"') != text.npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  out += quote;
  for (size_t at = 0; at < text.size();) {
    const CodePoint p = decode_utf8(text, at);
    const char32_t c = p.value;
    if (c == '\n' || c == '\r' || c == '\t') {
      out += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
    } else if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (is_printable(c)) {
      out += text.substr(at, static_cast<size_t>(p.bytes));
    } else {
      out += c < 0x100 ? "\\x" : c < 0x10000 ? "\\u" : "\\U";
      append_hex(out, c, c < 0x100 ? 2 : c < 0x10000 ? 4 : 8);
    }
    at += static_cast<size_t>(p.bytes);
  }
  out += quote;
}

void append_repr(Builder& out, const Value& value);

void append_pairs(Builder& out, const Dict& dict) {
  out += '{';
  const char* between = "";
  for (const auto& [key, item] : dict.items) {
    out += between;
    append_repr(out, key);
    out += ": ";
    append_repr(out, item);
    between = ", ";
  }
  out += '}';
}

void append_sequence(Builder& out, const Sequence& s) {
  using Flavor = Sequence::Flavor;
  if (s.is_generator()) fail(Code::kUnsupported, "print: want a list, got a generator");
  if (s.flavor == Flavor::kRange) {
    out += s.name;
    return;
  }
  if (s.flavor == Flavor::kView) out += std::string(s.name) + "(";
  out += s.flavor == Flavor::kTuple ? '(' : '[';
  const char* between = "";
  for (const Value& item : s.items) {
    out += between;
    append_repr(out, item);
    between = ", ";
  }
  if (s.flavor == Flavor::kTuple)
    out += s.items.size() == 1 ? ",)" : ")";
  else
    out += s.flavor == Flavor::kView ? "])" : "]";
}

void append_scalar(Builder& out, const Value& value) {
  if (value.is_none())
    out += "None";
  else if (value.is_bool())
    out += value.whole() ? "True" : "False";
  else if (value.is_int())
    out += std::to_string(value.whole());
  else if (value.is_float())
    out += float_text(value.real());
  else
    fail(Code::kUnsupported, "print: want a value with a text, got ", value.type());
}

void append_repr(Builder& out, const Value& value) {
  out.budget().step();
  out.budget().enter();
  if (value.is_string()) {
    if (value.is_safe()) out += "Markup(";
    quote_python(out, value.text());
    if (value.is_safe()) out += ')';
  } else if (value.is_undefined()) {
    out += "Undefined";
  } else if (const Sequence* s = value.sequence()) {
    append_sequence(out, *s);
  } else if (const Dict* d = value.dict()) {
    append_pairs(out, *d);
  } else if (const Namespace* n = value.space()) {
    out += "<Namespace {";
    const char* between = "";
    for (const auto& [name, item] : n->items) {
      out += between;
      quote_python(out, name);
      out += ": ";
      append_repr(out, item);
      between = ", ";
    }
    out += "}>";
  } else {
    append_scalar(out, value);
  }
  out.budget().leave();
}

// ---- JSON ---------------------------------------------------------------------------------------

struct JsonPrinter {
  Builder& out;
  const JsonStyle& style;

  void quote(std::string_view text) {
    out += '"';
    size_t plain = 0;
    for (size_t at = 0; at < text.size();) {
      const CodePoint p = decode_utf8(text, at);
      const char32_t c = p.value;
      const size_t next = at + static_cast<size_t>(p.bytes);
      if (c < 0x20 || c == '"' || c == '\\' || (style.ascii && c > 0x7E)) {
        out += text.substr(plain, at - plain);
        escape(c);
        plain = next;
      }
      at = next;
    }
    out += text.substr(plain);
    out += '"';
  }

  void escape(char32_t c) {
    constexpr std::string_view kShort = "\"\"\\\\\nn\rr\tt\ff\bb";
    for (size_t i = 0; i < kShort.size(); i += 2)
      if (c == static_cast<char32_t>(kShort[i])) {
        out += '\\';
        out += kShort[i + 1];
        return;
      }
    if (c == 0x7F) {
      out += '\x7F';
      return;
    }
    const bool pair = c >= 0x10000;
    out += "\\u";
    append_hex(out, pair ? 0xD800 + ((c - 0x10000) >> 10) : c, 4);
    if (!pair) return;
    out += "\\u";
    append_hex(out, 0xDC00 + ((c - 0x10000) & 0x3FF), 4);
  }

  void line(int level) {
    if (!style.indent) return;
    out += '\n';
    out.repeat(*style.indent, level);
  }

  std::string key_text(const Value& key) {
    if (key.is_string()) return key.text();
    if (key.is_none()) return "null";
    if (key.is_bool()) return key.whole() ? "true" : "false";
    if (key.is_int() || key.is_float()) return to_text(out.budget(), key);
    fail(Code::kInvalidArgument, "keys must be str, int, float, bool or None, not ", key.type());
  }

  void object(const Dict& dict, int level) {
    if (dict.items.empty()) {
      out += "{}";
      return;
    }
    std::vector<const std::pair<Value, Value>*> members;
    for (const auto& member : dict.items) members.push_back(&member);
    if (style.sorted)
      std::stable_sort(members.begin(), members.end(), [&](const auto* a, const auto* b) {
        return less(out.budget(), a->first, b->first);
      });
    out += '{';
    bool first = true;
    for (const auto* member : members) {
      if (!first) out += style.item_separator;
      first = false;
      line(level + 1);
      quote(key_text(member->first));
      out += style.key_separator;
      print(member->second, level + 1);
    }
    line(level);
    out += '}';
  }

  void array(const Sequence& s, int level) {
    if (s.items.empty()) {
      out += "[]";
      return;
    }
    out += '[';
    bool first = true;
    for (const Value& item : s.items) {
      if (!first) out += style.item_separator;
      first = false;
      line(level + 1);
      print(item, level + 1);
    }
    line(level);
    out += ']';
  }

  void print(const Value& value, int level) {
    using Flavor = Sequence::Flavor;
    out.budget().step();
    const Sequence* s = value.sequence();
    if (value.is_none())
      out += "null";
    else if (value.is_bool())
      out += value.whole() ? "true" : "false";
    else if (value.is_float() && std::isnan(value.real()))
      out += "NaN";
    else if (value.is_float() && std::isinf(value.real()))
      out += value.real() < 0 ? "-Infinity" : "Infinity";
    else if (value.is_number())
      append_scalar(out, value);
    else if (value.is_string())
      quote(value.text());
    else if (value.dict())
      object(*value.dict(), level);
    else if (s && (s->flavor == Flavor::kList || s->flavor == Flavor::kTuple))
      array(*s, level);
    else
      fail(Code::kInvalidArgument, "Object of type ", value.type(), " is not JSON serializable");
  }
};

}  // namespace

std::string float_text(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific);
  const std::string_view shortest(buffer, static_cast<size_t>(end.ptr - buffer));
  const size_t e = shortest.find('e');
  int exponent = 0;
  const char* digits = shortest.data() + e + 1;
  std::from_chars(*digits == '+' ? digits + 1 : digits, end.ptr, exponent);
  if (exponent < -4 || exponent >= 16) return std::string(shortest);
  const auto fixed =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed);
  std::string text(buffer, fixed.ptr);
  if (text.find('.') == text.npos) text += ".0";
  return text;
}

std::string to_text(Budget& budget, const Value& value) {
  if (value.is_undefined()) return {};
  if (value.is_string()) {
    budget.bytes(static_cast<int64_t>(value.text().size()));
    return value.text();
  }
  return to_repr(budget, value);
}

std::string to_repr(Budget& budget, const Value& value) {
  Builder out(budget);
  append_repr(out, value);
  return out.take();
}

std::string to_json(Budget& budget, const Value& value, const JsonStyle& style) {
  Builder out(budget);
  JsonPrinter{out, style}.print(value, 0);
  return out.take();
}

std::string escape_html(Budget& budget, std::string_view text) {
  Builder out(budget);
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  return out.take();
}

}  // namespace winnow::jinja
