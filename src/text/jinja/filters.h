// The tables of filters; find_filter (syntax.h) looks in both.
#pragma once

#include <map>
#include <string_view>

#include "text/jinja/syntax.h"

namespace winnow::jinja {

using FilterTable = std::map<std::string_view, Filter>;
const FilterTable& sequence_filters();

}  // namespace winnow::jinja
