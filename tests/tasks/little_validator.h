// A plain JSON Schema validator for what tasks/json_schema.h understands, but formats: the tests'
// second opinion. Its patterns are the tests' own three, written out.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/utf8.h"

namespace winnow::test {

class LittleValidator {
 public:
  explicit LittleValidator(const Json& root) : root_(root) {}

  bool valid(const Json& value) const { return valid(root_, value); }

 private:
  static std::optional<Json> get(const Json& schema, std::string_view key) {
    for (const auto& [name, value] : schema.members())
      if (name == key) return value;
    return std::nullopt;
  }

  static bool same(const Json& a, const Json& b) {
    if (a.is_number() && b.is_number()) return a.number() == b.number();
    if (a.kind() != b.kind()) return false;
    if (a.is_bool()) return a.boolean() == b.boolean();
    if (a.is_string()) return a.string() == b.string();
    if (a.is_null()) return true;
    if (a.size() != b.size()) return false;
    if (a.is_array()) {
      for (size_t i = 0; i < a.size(); ++i)
        if (!same(a[i], b[i])) return false;
      return true;
    }
    for (const auto& [key, value] : a.members())
      if (const auto other = get(b, key); !other || !same(value, *other)) return false;
    return true;
  }

  static bool is(const Json& value, std::string_view type) {
    if (type == "integer") return value.is_number() && value.number() == std::floor(value.number());
    return value.kind() == type;
  }

  bool valid(const Json& schema, const Json& value) const {
    if (schema.is_bool()) return schema.boolean();
    if (const auto ref = get(schema, "$ref")) {
      Json at = root_;
      const std::string text(ref->string());
      for (size_t i = 2; i < text.size();) {
        const size_t end = std::min(text.find('/', i), text.size());
        at = *get(at, text.substr(i, end - i));
        i = end + 1;
      }
      return valid(at, value);
    }
    for (const std::string_view key : {"anyOf", "oneOf", "allOf"})
      if (const auto all = get(schema, key)) {
        size_t holds = 0;
        for (size_t i = 0; i < all->size(); ++i) holds += valid((*all)[i], value);
        if (key == "oneOf" ? holds != 1 : holds < (key == "allOf" ? all->size() : 1)) return false;
      }
    if (const auto constant = get(schema, "const"); constant && !same(*constant, value))
      return false;
    if (const auto values = get(schema, "enum")) {
      bool found = false;
      for (size_t i = 0; i < values->size(); ++i) found |= same((*values)[i], value);
      if (!found) return false;
    }
    if (const auto type = get(schema, "type")) {
      bool found = false;
      for (size_t i = 0; i < (type->is_array() ? type->size() : 1); ++i)
        found |= is(value, (type->is_array() ? (*type)[i] : *type).string());
      if (!found) return false;
    }
    if (value.is_object()) return valid_object(schema, value);
    if (value.is_array()) return valid_array(schema, value);
    if (value.is_string()) return valid_string(schema, value.string());
    return !value.is_number() || valid_number(schema, value.number());
  }

  bool valid_object(const Json& schema, const Json& value) const {
    if (const auto required = get(schema, "required"))
      for (size_t i = 0; i < required->size(); ++i)
        if (!get(value, (*required)[i].string())) return false;
    const auto properties = get(schema, "properties"), others = get(schema, "additionalProperties");
    for (const auto& [key, v] : value.members()) {
      const auto property = properties ? get(*properties, key) : std::nullopt;
      if (property ? !valid(*property, v) : others && !valid(*others, v)) return false;
    }
    return true;
  }

  bool valid_array(const Json& schema, const Json& value) const {
    const auto prefix = get(schema, "prefixItems"), items = get(schema, "items");
    const auto least = get(schema, "minItems"), most = get(schema, "maxItems");
    if (least && static_cast<int64_t>(value.size()) < least->integer()) return false;
    if (most && static_cast<int64_t>(value.size()) > most->integer()) return false;
    for (size_t i = 0; i < value.size(); ++i) {
      const bool first = prefix && i < prefix->size();
      if (first ? !valid((*prefix)[i], value[i]) : items && !valid(*items, value[i])) return false;
    }
    return true;
  }

  static bool valid_string(const Json& schema, std::string_view value) {
    const auto least = get(schema, "minLength"), most = get(schema, "maxLength");
    if (least && code_points(value) < least->integer()) return false;
    if (most && code_points(value) > most->integer()) return false;
    const auto pattern = get(schema, "pattern");
    return !pattern || matches(pattern->string(), value);
  }

  static bool matches(std::string_view pattern, std::string_view s) {
    const auto in = [](char low, char high) {
      return [=](char c) { return low <= c && c <= high; };
    };
    if (pattern == "[a-m]|[n-z!]")
      return std::any_of(s.begin(), s.end(), in('a', 'z')) || s.find('!') != s.npos;
    if (pattern == "^[ -`{-~]x?$")
      return (s.size() == 1 || (s.size() == 2 && s[1] == 'x')) &&
             (in(' ', '`')(s[0]) || in('{', '~')(s[0]));
    if (pattern != "^[a-c]{2,4}(-[0-9]+)?$") return false;
    const std::string_view head = s.substr(0, s.find('-'));
    const std::string_view digits = s.substr(std::min(s.size(), head.size() + 1));
    return head.size() >= 2 && head.size() <= 4 && std::ranges::all_of(head, in('a', 'c')) &&
           std::ranges::all_of(digits, in('0', '9')) &&
           (head.size() == s.size() || !digits.empty());
  }

  static bool valid_number(const Json& schema, double value) {
    const auto bound = [&](const char* key) { return get(schema, key); };
    if (const auto b = bound("minimum"); b && value < b->number()) return false;
    if (const auto b = bound("maximum"); b && value > b->number()) return false;
    if (const auto b = bound("exclusiveMinimum"); b && value <= b->number()) return false;
    if (const auto b = bound("exclusiveMaximum"); b && value >= b->number()) return false;
    return true;
  }

  Json root_;
};

}  // namespace winnow::test
