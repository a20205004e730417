// Values as text: Python's str(), repr() and json.dumps().
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/jinja/value.h"

namespace winnow::jinja {

std::string float_text(
    double number);  // repr(): the shortest that reads back, as Python lays it out

// What {{ value }} prints.
std::string to_text(Budget& budget, const Value& value);
std::string to_repr(Budget& budget, const Value& value);

struct JsonStyle {
  bool ascii = false;
  bool sorted = false;
  std::optional<std::string> indent;  // one level's
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
// Throws kInvalidArgument for what JSON has no form of.
std::string to_json(Budget& budget, const Value& value, const JsonStyle& style);

// &, <, >, ' and " as HTML's character references, as jinja2's Markup has them.
std::string escape_html(Budget& budget, std::string_view text);

}  // namespace winnow::jinja
