#include "ops/same_rows.h"

#include <doctest/doctest.h>

#include <initializer_list>
#include <string>

namespace winnow {
namespace {

// Rows of two bytes, as text: "aa", "bb"; each with the number of its input.
struct Given {
  int input;
  const char* row;
};
KernelRows kernel(std::initializer_list<Given> rows, bool any_number = true) {
  KernelRows out{.rows = {}, .inputs = {}, .any_number = any_number};
  for (const Given& given : rows) {
    out.inputs.push_back(given.input);
    for (const char c : std::string(given.row)) out.rows.push_back(static_cast<std::byte>(c));
  }
  return out;
}
using Kept = std::vector<bool>;

// Inputs 0 and 1 alone, then both in a product of three rows.
const KernelRows kSteady = kernel({{0, "ab"}, {1, "cd"}, {1, "cd"}, {0, "ab"}, {1, "cd"}});
const KernelRows kOther = kernel({{0, "xb"}, {1, "xd"}, {1, "xd"}, {0, "xb"}, {1, "xd"}});
const KernelRows kWavering = kernel({{0, "ab"}, {1, "cd"}, {1, "cd"}, {0, "ab"}, {1, "ce"}});
const KernelRows kUntouched = kernel({{0, "zz"}, {1, "zz"}, {1, "zz"}, {0, "zz"}, {1, "zz"}});

TEST_CASE("kernels whose rows are the same alone and among others, and each other's, are kept") {
  CHECK(kernels_with_same_rows(std::vector{kSteady, kSteady, kSteady}, 2) ==
        Kept{true, true, true});
  CHECK(kernels_with_same_rows({}, 2).empty());
}

TEST_CASE("a kernel is left out for one row that changes by one bit with the number of rows") {
  CHECK(kernels_with_same_rows(std::vector{kSteady, kWavering, kSteady}, 2) ==
        Kept{true, false, true});
}

TEST_CASE("a kernel is left out for being steady with bits of its own") {
  CHECK(kernels_with_same_rows(std::vector{kSteady, kOther}, 2) == Kept{true, false});
  CHECK(kernels_with_same_rows(std::vector{kOther, kSteady}, 2) == Kept{true, false});
}

TEST_CASE("the standard is the first kernel that can be one") {
  CHECK(kernels_with_same_rows(std::vector{kWavering, kSteady, kOther, kSteady}, 2) ==
        Kept{false, true, false, true});
}

TEST_CASE("a kernel that wrote nothing is left out, even when it stands first") {
  CHECK(kernels_with_same_rows(std::vector{kUntouched, kUntouched, kSteady}, 2) ==
        Kept{false, false, true});
}

TEST_CASE("a kernel for few rows is kept by the standard's bits, and is none itself") {
  const KernelRows few = kernel({{0, "ab"}, {1, "cd"}}, false);
  const KernelRows other = kernel({{0, "xb"}, {1, "xd"}}, false);
  CHECK(kernels_with_same_rows(std::vector{few, kSteady}, 2) == Kept{true, true});
  CHECK(kernels_with_same_rows(std::vector{other, kSteady}, 2) == Kept{false, true});
  CHECK(kernels_with_same_rows(std::vector{few, kWavering}, 2) == Kept{false, false});
}

}  // namespace
}  // namespace winnow
