#include "app/bench_report.h"

#include <doctest/doctest.h>

using namespace winnow;

TEST_CASE("numbers are shown with as many digits as say something") {
  CHECK(shown_number(0.51234) == "0.512");
  CHECK(shown_number(9.6144) == "9.614");
  CHECK(shown_number(54.13) == "54.1");
  CHECK(shown_number(999.94) == "999.9");
  CHECK(shown_number(1000) == "1,000");
  CHECK(shown_number(1234567.8) == "1,234,568");
}
