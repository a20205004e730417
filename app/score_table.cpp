#include "app/score_table.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/utf8.h"

namespace winnow {
namespace {

constexpr int kBarColumns = 10;
constexpr int kMostIdColumns = 16;
constexpr std::string_view kGap = "  ";

int width_of(char32_t c) { return utf8proc_charwidth(static_cast<utf8proc_int32_t>(c)); }

bool set_in_environment(const char* name) {
  const char* value = std::getenv(name);
  return value && *value;
}

// Right or left aligned to a number of columns.
std::string padded(std::string text, int columns, bool right) {
  const int space = std::max(0, columns - display_width(text));
  return right ? std::string(space, ' ') + text : text + std::string(space, ' ');
}

std::string score_text(float score) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", static_cast<double>(score));
  return text;
}

}  // namespace

TableStyle terminal_style() {
  TableStyle style;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) style.width = size.ws_col;
  if (set_in_environment("COLUMNS")) {
    const int columns = std::atoi(std::getenv("COLUMNS"));
    if (columns > 0) style.width = columns;
  }
  const char* term = std::getenv("TERM");
  style.colour = !set_in_environment("NO_COLOR") && !(term && std::string_view(term) == "dumb");
  return style;
}

int display_width(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    width += width_of(c.value);
    at += static_cast<size_t>(c.bytes);
  }
  return width;
}

std::string cut_to_width(std::string_view text, int width) {
  if (width <= 0) return "";
  int used = 0;
  size_t keep = 0;  // bytes that fit and leave a column for the ellipsis
  for (size_t at = 0; at < text.size();) {
    const CodePoint c = decode_utf8(text, at);
    at += static_cast<size_t>(c.bytes);
    used += width_of(c.value);
    if (used > width) return std::string(text.substr(0, keep)) + "…";
    if (used < width) keep = at;
  }
  return std::string(text);
}

std::string one_line(std::string_view text) {
  const std::string repaired = repair_utf8(text);
  std::string line;
  for (size_t at = 0; at < repaired.size();) {
    const CodePoint c = decode_utf8(repaired, at);
    at += static_cast<size_t>(c.bytes);
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c.value));
    const bool space = category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
                       category == UTF8PROC_CATEGORY_ZP || category == UTF8PROC_CATEGORY_CC;
    if (space) {
      if (!line.empty() && line.back() != ' ') line += ' ';
    } else if (category != UTF8PROC_CATEGORY_CF || c.value == 0x200D) {
      append_utf8(line, c.value);  // U+200D joins the parts of an emoji
    }
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

std::string draw_bar(float probability, int columns, bool colour) {
  constexpr std::string_view kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const float p = std::clamp(probability, 0.0f, 1.0f);
  const int eighths = static_cast<int>(std::lround(p * static_cast<float>(8 * columns)));
  std::string bar;
  for (int i = 0; i < eighths / 8; ++i) bar += "█";
  bar += kEighths[eighths % 8];
  bar = padded(std::move(bar), columns, /*right=*/false);
  if (!colour) return bar;
  const std::string_view tint = p > 0.8f ? "\033[32m" : p >= 0.4f ? "\033[33m" : "\033[31m";
  return std::string(tint) + bar + "\033[0m";
}

std::string draw_table(const std::vector<TableRow>& rows, const TableStyle& style) {
  int rank_columns = 4, score_columns = 7, id_columns = 0;
  std::vector<std::string> scores, ids;
  for (const TableRow& row : rows) {
    scores.push_back(row.rank > 0 ? score_text(row.score) : "-");
    ids.push_back(cut_to_width(one_line(row.id), kMostIdColumns));
    rank_columns = std::max(rank_columns, static_cast<int>(std::to_string(row.rank).size()));
    score_columns = std::max(score_columns, static_cast<int>(scores.back().size()));
    id_columns = std::max(id_columns, display_width(ids.back()));
  }
  if (id_columns > 0) id_columns = std::max(id_columns, 2);
  const int gap = static_cast<int>(kGap.size());
  const int before_text = rank_columns + gap + score_columns + gap + kBarColumns + gap +
                          (id_columns > 0 ? id_columns + gap : 0);
  const int text_columns = std::max(10, style.width - before_text);

  const auto cells = [&](const std::string& rank, const std::string& score, const std::string& bar,
                         const std::string& id) {
    std::string line = padded(rank, rank_columns, true);
    line.append(kGap).append(padded(score, score_columns, true)).append(kGap).append(bar);
    if (id_columns > 0) line.append(kGap).append(padded(id, id_columns, false));
    return line.append(kGap);
  };
  std::string table = style.colour ? "\033[1m" : "";
  table += cells("rank", "score", std::string(kBarColumns, ' '), "id") + "text";
  table += style.colour ? "\033[0m\n" : "\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    const TableRow& row = rows[i];
    const bool scored = row.rank > 0;
    table += cells(scored ? std::to_string(row.rank) : "-", scores[i],
                   scored ? draw_bar(row.probability, kBarColumns, style.colour)
                          : std::string(kBarColumns, ' '),
                   ids[i]);
    table += cut_to_width(one_line(row.text), text_columns) + "\n";
  }
  return table;
}

}  // namespace winnow
