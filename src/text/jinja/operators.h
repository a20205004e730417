// Python's operators on the values of a template, its str() and repr(), and attribute access as
// jinja2's sandbox has it. All throw kInvalidArgument in Python's words where Python raises.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja/value.h"

namespace winnow::jinja {

enum class BinaryOp : uint8_t { kAdd, kSub, kMul, kDiv, kFloorDiv, kMod, kPow };
enum class CompareOp : uint8_t { kEq, kNe, kLt, kLe, kGt, kGe, kIn, kNotIn };

// Throws kUnsupported where an integer leaves 64 bits.
Value binary(Budget& budget, BinaryOp op, const Value& a, const Value& b);
Value negate(const Value& a);

bool equal(Budget& budget, const Value& a, const Value& b);
bool less(Budget& budget, const Value& a, const Value& b);
bool contains(Budget& budget, const Value& container, const Value& item);
bool compare(Budget& budget, CompareOp op, const Value& a, const Value& b);

// len(); a string's is in code points.
int64_t length(const Value& value);

// object.name (methods before keys) and object[key] (keys before methods); an Undefined when there
// is neither.
Value get_attribute(Budget& budget, const Value& object, std::string_view name);
Value get_item(Budget& budget, const Value& object, const Value& key);
// object[start:stop:step]; None for an absent bound.
Value get_slice(Budget& budget, const Value& object, const Value& start, const Value& stop,
                const Value& step);

// The method of a string, list, tuple or dict; empty (None) when its type has none of this name.
Value find_method(const Value& object, std::string_view name);

// "a {} {name}".format(...): plain fields; conversions and format specs are kUnsupported.
std::string format_fields(Budget& budget, const std::string& format, const Arguments& arguments);
// "a %s %d" % values: %s, %d, %i, %r and %%, others are kUnsupported.
std::string format_percent(Budget& budget, const std::string& format, const Value& values);

}  // namespace winnow::jinja
