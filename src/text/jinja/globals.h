// The names that every template has: those of jinja2, and those that transformers adds.
#pragma once

#include <string_view>

#include "text/jinja/value.h"

namespace winnow::jinja {

// None when there is no such global. Throws kUnsupported for jinja2's that winnow lacks.
Value find_global(std::string_view name);

// namespace(...). A namespace may come to hold itself: whoever calls this empties it in the end.
Value make_namespace(Budget& budget, const Value& self, const Arguments& arguments);

}  // namespace winnow::jinja
