// Runs a parsed template.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/jinja/syntax.h"

namespace winnow::jinja {

struct Program {
  std::string source;  // normalized; what offsets count in
  Body body;
};

using Variables = std::vector<std::pair<std::string, Value>>;

// What the template prints. Errors name line and column: kInvalidArgument where jinja2 raises, also
// for raise_exception with the template's words; kUnsupported for what winnow cannot do and past
// the limits.
std::string run(const Program& program, const Variables& variables, Limits limits = {});

}  // namespace winnow::jinja
