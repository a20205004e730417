#include "app/measure.h"

#include <doctest/doctest.h>

#include <atomic>
#include <numeric>

#include "base/error.h"

using namespace winnow;

TEST_CASE("the median of an even number of values is the mean of the middle two") {
  CHECK(median({}) == 0);
  CHECK(median({3}) == 3);
  CHECK(median({9, 1, 5}) == 5);
  CHECK(median({9, 1, 5, 4}) == 4.5);
}

TEST_CASE("a percentile is a value that was measured, by its rank") {
  std::vector<double> values(100);
  std::iota(values.rbegin(), values.rend(), 1.0);  // 100 ... 1
  CHECK(percentile(values, 0.5) == 50);
  CHECK(percentile(values, 0.9) == 90);
  CHECK(percentile(values, 0.99) == 99);
  values.resize(10);  // 100 ... 91
  CHECK(percentile(values, 0.9) == 99);
}

TEST_CASE("too few values say nothing of a percentile") {
  CHECK(percentile({}, 0.5) == std::nullopt);
  CHECK(percentile(std::vector<double>(9, 1.0), 0.9) == std::nullopt);
  CHECK(percentile(std::vector<double>(10, 1.0), 0.9) == 1);
  CHECK(percentile(std::vector<double>(99, 1.0), 0.99) == std::nullopt);
  CHECK(percentile(std::vector<double>(100, 1.0), 0.99) == 1);
}

TEST_CASE("calls are made once each, whatever the number of callers") {
  for (const int callers : {1, 3, 50}) {
    std::vector<std::atomic<int>> calls(17);
    CHECK(seconds_of_calls(calls.size(), callers, [&](size_t i) { ++calls[i]; }) > 0);
    for (const std::atomic<int>& c : calls) CHECK(c == 1);
  }
}

TEST_CASE("a call that throws ends the others, and its error is thrown") {
  std::atomic<int> calls = 0;
  CHECK_THROWS_WITH_AS(seconds_of_calls(1000, 2,
                                        [&](size_t i) {
                                          ++calls;
                                          if (i == 3) fail(Code::kOverloaded, "full");
                                        }),
                       "full", Error);
  CHECK(calls >= 4);
}
