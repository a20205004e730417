// A check of both halves of an Error: its code, and words that its message must hold.
#pragma once

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "base/error.h"

namespace winnow::test {

template <typename Function>
void check_throws(Code code, const std::string& words, const Function& function) {
  std::optional<Error> thrown;
  try {
    function();
  } catch (const Error& error) {
    thrown = error;
  }
  CAPTURE(words);
  REQUIRE(thrown);
  CAPTURE(thrown->what());
  CHECK(code_name(thrown->code()) == code_name(code));
  CHECK(std::string(thrown->what()).find(words) != std::string::npos);
}

}  // namespace winnow::test
