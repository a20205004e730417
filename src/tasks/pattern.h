// A subset of ECMAScript's regular expressions, as a JSON string's content must match one.
#pragma once

#include <string_view>

#include "tasks/pushdown.h"

namespace winnow {

// Compiles a pattern to what reads a JSON string's content (between the quotes) that it matches,
// anywhere in the string unless ^ and $ bind it, as JSON Schema's `pattern` does. Characters that
// JSON escapes are read in one form (\" \\ \n, \u001f), all others as they are.
// Understands: characters, ., [..] and [^..] with ranges, \d \w \s \D \W \S \n \r \t \f \v \uXXXX
// \xXX and escaped punctuation, (..) and (?:..), |, * + ? {m} {m,} {m,n}, ^ at the beginning, $ at
// the end. Throws kUnsupported, opening with `where`, for anything else (look-around, \b, \p,
// back-references, lazy quantifiers), kInvalidArgument for what no dialect accepts.
int compile_pattern(std::string_view pattern, std::string_view where, ByteProgram& program,
                    int next);

// What reads one character of a JSON string's content, in any of the forms that JSON has for it.
int json_character(ByteProgram& program, int next);

}  // namespace winnow
