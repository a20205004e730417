#include "app/score_table.h"

#include <doctest/doctest.h>

#include <sstream>

using namespace winnow;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("Chinese and emoji take two columns, combining marks none") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("中文") == 4);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("😀") == 2);
}

TEST_CASE("a text is cut within the width, with an ellipsis, and a mark stays with its letter") {
  CHECK(cut_to_width("abcdef", 6) == "abcdef");
  CHECK(cut_to_width("abcdef", 5) == "abcd…");
  CHECK(cut_to_width("中文字", 6) == "中文字");
  CHECK(cut_to_width("中文字", 5) == "中文…");
  CHECK(cut_to_width("中文字", 4) == "中…");
  CHECK(cut_to_width("abe\u0301f", 4) == "abe\u0301f");
  CHECK(cut_to_width("abe\u0301fg", 4) == "abe\u0301…");
  CHECK(cut_to_width("abc", 0) == "");
  for (int width = 1; width < 12; ++width)
    CHECK(display_width(cut_to_width("a中b文c字d😀e", width)) <= width);
}

TEST_CASE("a text cannot steer the terminal") {
  CHECK(one_line(" a\n\tb \r\n") == "a b");
  CHECK(one_line("\033[31mred\a") == "[31mred");
  CHECK(one_line("a\u009B31m") == "a 31m");
  CHECK(one_line("a\u202Eb") == "ab");
  CHECK(one_line("a\xFF") == "a\uFFFD");
  CHECK(one_line("👩\u200D🔬") == "👩\u200D🔬");
}

TEST_CASE("a bar is as long as the score, green above 0.8, amber from 0.4, red below") {
  CHECK(draw_bar(0.5f, 4, false) == "██  ");
  CHECK(draw_bar(1.0f, 4, false) == "████");
  CHECK(draw_bar(0.0f, 4, false) == "    ");
  CHECK(draw_bar(0.125f, 1, false) == "▏");
  CHECK(draw_bar(7.0f, 2, false) == "██");
  CHECK(draw_bar(0.81f, 4, true).starts_with("\033[32m"));
  CHECK(draw_bar(0.8f, 4, true).starts_with("\033[33m"));
  CHECK(draw_bar(0.4f, 4, true).starts_with("\033[33m"));
  CHECK(draw_bar(0.39f, 4, true).starts_with("\033[31m"));
  CHECK(draw_bar(0.39f, 4, true).ends_with("\033[0m"));
}

TEST_CASE("every line of a table fits the terminal, whatever the texts") {
  std::vector<TableRow> rows;
  for (int i = 1; i <= 12; ++i)
    rows.push_back(
        {.rank = i,
         .score = -11.25f,
         .probability = 0.1f,
         .id = i % 2 ? "" : "a-very-long-identifier-of-a-document",
         .text = "中文 and words, 中文 and words, 中文 and words, 中文 and words, 中文 and words"});
  for (const int width : {60, 61, 80, 200}) {
    const auto lines = lines_of(draw_table(rows, {.width = width, .colour = false}));
    REQUIRE(lines.size() == 13);
    for (const std::string& line : lines) CHECK(display_width(line) <= width);
  }
}

TEST_CASE(
    "a table has a header, an id column only where there are ids, and refused rows without a "
    "score") {
  const auto plain = lines_of(
      draw_table({{.rank = 1, .score = 0.9877f, .probability = 0.9877f, .id = "", .text = "bees"}},
                 {.width = 80, .colour = false}));
  REQUIRE(plain.size() == 2);
  CHECK(plain[0] == "rank    score              text");
  CHECK(plain[1] == "   1   0.9877  █████████▉  bees");
  const auto ids = lines_of(
      draw_table({{.rank = 1, .score = 0.5f, .probability = 0.5f, .id = "d7", .text = "bees"},
                  {.rank = 0, .score = 0, .probability = 0, .id = "d8", .text = "refused"}},
                 {.width = 80, .colour = false}));
  CHECK(ids[0] == "rank    score              id  text");
  CHECK(ids[1] == "   1   0.5000  █████       d7  bees");
  CHECK(ids[2] == "   -        -              d8  refused");
}
