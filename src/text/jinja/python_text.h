// Python's str methods on UTF-8. Positions and widths are in code points. All want well-formed
// UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/budget.h"

namespace winnow::jinja {

bool is_python_space(char32_t c);

// The text without the characters of `chars` (white space when absent) at its ends.
std::string_view strip(std::string_view text, std::optional<std::string_view> chars, bool left,
                       bool right);

// At every separator (white space when absent; runs count once, ends drop), at most `most` times.
// Throws kInvalidArgument for an empty separator.
std::vector<std::string_view> split(Budget& budget, std::string_view text,
                                    std::optional<std::string_view> separator, int64_t most);
std::vector<std::string_view> split_right(Budget& budget, std::string_view text,
                                          std::optional<std::string_view> separator, int64_t most);
std::vector<std::string_view> split_lines(Budget& budget, std::string_view text, bool keep_ends);

std::string replace(Budget& budget, std::string_view text, std::string_view from,
                    std::string_view to, int64_t most);

// Case; upper throws kUnsupported for the hundred ligatures and Greek forms whose capital is
// several letters, but ß.
std::string lower(Budget& budget, std::string_view text);
std::string upper(Budget& budget, std::string_view text);
std::string capitalize(Budget& budget, std::string_view text);
std::string title(Budget& budget, std::string_view text);         // str.title(): after non-letters
std::string filter_title(Budget& budget, std::string_view text);  // jinja2's filter: after spaces

bool is_cased_letter(char32_t c);
bool is_letter(char32_t c);

// The byte offset of code point `index`; the size when past the end.
size_t byte_offset(std::string_view text, int64_t index);

}  // namespace winnow::jinja
