// Tokens to statements, with jinja2's grammar.
#pragma once

#include <string_view>

#include "text/jinja/syntax.h"

namespace winnow::jinja {

// Wants normalized UTF-8 (lexer.h). Throws kCorrupt for what jinja2 cannot parse and kUnsupported
// for what winnow lacks (a tag, a filter, a test), each with its line and column.
Body parse_template(std::string_view source);

}  // namespace winnow::jinja
