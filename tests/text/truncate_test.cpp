// models.md 1.2.2, longest_first; that it is the library's on every text is tests/text/oracle.py's
// business.
#include <doctest/doctest.h>

#include <numeric>

#include "base/error.h"
#include "text/tokenizer.h"

namespace winnow {
namespace {

using Ids = std::vector<int32_t>;

TokenSpan span(int size) {
  TokenSpan s;
  s.ids.resize(static_cast<size_t>(size));
  std::iota(s.ids.begin(), s.ids.end(), 0);
  for (int i = 0; i < size; ++i) s.offsets.push_back({i, i + 1});
  return s;
}

std::pair<size_t, size_t> lengths(int first, int second, int budget) {
  TokenSpan a = span(first), b = span(second);
  truncate(a, &b, 3, budget + 3, TruncationSide::kRight);
  return {a.ids.size(), b.ids.size()};
}

TEST_CASE("a pair that fits stays whole") {
  CHECK(lengths(3, 4, 7) == std::pair<size_t, size_t>{3, 4});
  CHECK(lengths(0, 7, 7) == std::pair<size_t, size_t>{0, 7});
}

TEST_CASE("the longer of a pair is cut first, then both to halves") {
  CHECK(lengths(3, 10, 8) == std::pair<size_t, size_t>{3, 5});
  CHECK(lengths(10, 3, 8) == std::pair<size_t, size_t>{5, 3});
  CHECK(lengths(10, 10, 8) == std::pair<size_t, size_t>{4, 4});
  CHECK(lengths(10, 10, 9) == std::pair<size_t, size_t>{4, 5});
  CHECK(lengths(11, 10, 9) == std::pair<size_t, size_t>{5, 4});
  CHECK(lengths(5, 6, 8) == std::pair<size_t, size_t>{4, 4});
  CHECK(lengths(20, 30, 8) == std::pair<size_t, size_t>{4, 4});
  CHECK(lengths(1, 1, 1) == std::pair<size_t, size_t>{0, 1});
}

TEST_CASE("a cut on the right keeps the beginning, on the left the end, with the offsets") {
  TokenSpan a = span(5);
  truncate(a, nullptr, 2, 5, TruncationSide::kRight);
  CHECK(a.ids == Ids{0, 1, 2});
  TokenSpan b = span(5);
  truncate(b, nullptr, 2, 5, TruncationSide::kLeft);
  CHECK(b.ids == Ids{2, 3, 4});
  CHECK(b.offsets == std::vector<Offset>{{2, 3}, {3, 4}, {4, 5}});
}

TEST_CASE("a length without room for a token is too long, naming both numbers") {
  for (const int length : {3, 0, -5}) {
    TokenSpan a = span(1), b = span(1);
    try {
      truncate(a, &b, 3, length, TruncationSide::kRight);
      FAIL("no error");
    } catch (const Error& error) {
      CHECK(error.code() == Code::kTooLong);
      CHECK(std::string(error.what()) ==
            "truncate: want max_length above the 3 special tokens, got " + std::to_string(length));
    }
  }
}

}  // namespace
}  // namespace winnow
