// JSON Schema (2020-12, the part that structured output uses) to an automaton over the bytes of the
// documents that satisfy it.
#pragma once

#include <string>

#include "base/json.h"
#include "tasks/pushdown.h"

namespace winnow {

// What the text has around the document, exactly: a tool call's tags.
struct JsonFrame {
  std::string before, after;
  bool operator==(const JsonFrame&) const = default;
};

// schema null: any JSON object. The automaton accepts a part of what the schema does, chosen so
// that a model writes it well and cannot spin: properties in the declared order, then additional
// ones (only where additionalProperties says so, or no properties are declared); between symbols
// nothing, a space, or a line break and at most 24 spaces; numbers of bounded length; at most 48
// levels; keys, enum and const in one spelling. Everything accepted is valid JSON, also its UTF-8.
//
// Understands: true, false; type (also several), enum, const, anyOf, oneOf (where no document can
// satisfy two: different types, or objects told apart by a required property's const or enum),
// allOf of one, $ref within the document (also recursive), $defs; properties, required,
// additionalProperties; items, prefixItems, minItems, maxItems; minLength, maxLength (at most
// 100,000), pattern (tasks/pattern.h), format date, time, date-time, uuid, ipv4, email; minimum,
// maximum, exclusiveMinimum, exclusiveMaximum (whole numbers); annotations are passed over. A
// keyword that does not concern the declared type is ignored, as the standard says.
//
// Throws kUnsupported with the JSON pointer of any other keyword, kInvalidArgument where the schema
// is malformed or nothing satisfies it.
Pushdown compile_json_schema(const Json& schema, const JsonFrame& frame = {});

}  // namespace winnow
