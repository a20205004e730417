// The table that a person sees: rank, score, a coloured bar, the text cut to the terminal's width.
// Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace winnow {

struct TableRow {
  int rank = 0;           // 0: the document was refused, and text says why
  float score = 0;        // shown with four decimals
  float probability = 0;  // in [0, 1]: the bar's length and colour
  std::string id;         // empty in every row: no such column
  std::string text;
};

struct TableStyle {
  int width = 80;  // columns of the terminal
  bool colour = true;
};

// How wide this terminal is and whether it wants colour: none when NO_COLOR is set (and not empty)
// or TERM is "dumb". COLUMNS, where set, beats the terminal's own answer. Source: no-color.org.
TableStyle terminal_style();

// A header and one line a row, each within style.width columns and ended by a newline.
std::string draw_table(const std::vector<TableRow>& rows, const TableStyle& style);

// A bar of `columns` columns, in eighths of one, coloured green above 0.8, amber from 0.4, red
// below.
std::string draw_bar(float probability, int columns, bool colour);

// Columns that well-formed UTF-8 takes on a terminal: East Asian wide characters and emoji two,
// combining marks none.
int display_width(std::string_view text);

// The longest start of the text within `width` columns, marks kept with their letter; an ellipsis
// ends what was cut.
std::string cut_to_width(std::string_view text, int width);

// The text on one line: invalid UTF-8 replaced, runs of white space one space, and no control or
// direction-changing character left, so that a document cannot steer the terminal.
std::string one_line(std::string_view text);

}  // namespace winnow
