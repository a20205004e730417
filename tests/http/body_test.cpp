#include "http/body.h"

#include <doctest/doctest.h>

#include "http/throws.h"

namespace winnow {
namespace {

using test::check_throws;

TEST_CASE("a body that is no JSON, or no object, is refused with where and what") {
  check_throws(Code::kCorrupt, "the request body: not JSON at byte", [] { parse_body("{\"a\":"); });
  check_throws(Code::kCorrupt, "not JSON", [] { parse_body(""); });
  check_throws(Code::kCorrupt, "not JSON", [] { parse_body("{} {}"); });
  check_throws(Code::kInvalidArgument, "want an object, got array", [] { parse_body("[]"); });
  check_throws(Code::kCorrupt, "not JSON", [] { parse_body(std::string(10'000, '[')); });
}

TEST_CASE("bytes that are not UTF-8 pass the parser as they are") {
  CHECK(parse_body("{\"t\":\"a\xFF\"}").string("t") == "a\xFF");
}

TEST_CASE("an escaped lone surrogate becomes ill-formed bytes, and a pair stays a character") {
  CHECK(parse_body(R"({"t":"a\ud800b"})").string("t") ==
        "a\xED\xA0\x80"
        "b");
  CHECK(parse_body(R"({"t":"\uDC00"})").string("t") == "\xED\xB0\x80");
  CHECK(parse_body(R"({"t":"\ud83d\ude00"})").string("t") == "\U0001F600");
  CHECK(parse_body(R"({"t":"\ud83d\ud83d\ude00"})").string("t") == "\xED\xA0\xBD\U0001F600");
  CHECK(parse_body(R"({"t":"\\ud800"})").string("t") == "\\ud800");
  CHECK(parse_body(R"({"t":"\\\ud800"})").string("t") == "\\\xED\xA0\x80");
  CHECK(parse_body(R"({"t":"\ud7ff\ue000"})").string("t") == "\uD7FF\uE000");
}

TEST_CASE("lone_surrogates_as_bytes leaves everything else alone") {
  for (const char* text : {"", "\\", "\\u", "\\ud8", "\\ud80", "\\uzzzz", "no escape", "\\u0041"})
    CHECK(lone_surrogates_as_bytes(text) == text);
}

TEST_CASE("int_member wants a whole number within its range") {
  const Json json = parse_body(R"({"n":3,"half":1.5,"text":"3","big":4000000000,"null":null})");
  CHECK(int_member(json, "n", 0, 5, 9) == 3);
  CHECK(int_member(json, "absent", 0, 5, 9) == 9);
  CHECK(int_member(json, "null", 0, 5, 9) == 9);
  check_throws(Code::kInvalidArgument, "`n`: want an integer from 4 to 5, got 3",
               [&] { int_member(json, "n", 4, 5, 9); });
  check_throws(Code::kInvalidArgument, "got 4000000000",
               [&] { int_member(json, "big", 0, 1 << 30, 9); });
  check_throws(Code::kInvalidArgument, "half: want integer, got number",
               [&] { int_member(json, "half", 0, 5, 9); });
  check_throws(Code::kInvalidArgument, "text: want integer, got string",
               [&] { int_member(json, "text", 0, 5, 9); });
}

TEST_CASE(
    "truncation_of reads TEI's fields in either case, and the server's setting is the default") {
  CHECK(truncation_of(parse_body("{}"), true).enabled);
  CHECK_FALSE(truncation_of(parse_body("{}"), false).enabled);
  CHECK_FALSE(truncation_of(parse_body(R"({"truncate":null})"), false).enabled);
  CHECK_FALSE(truncation_of(parse_body(R"({"truncate":false})"), true).enabled);
  CHECK(truncation_of(parse_body("{}"), true).side == TruncationSide::kRight);
  for (const char* left :
       {R"({"truncation_direction":"Left"})", R"({"truncation_direction":"left"})"})
    CHECK(truncation_of(parse_body(left), true).side == TruncationSide::kLeft);
  check_throws(Code::kInvalidArgument, "want Left or Right, got up",
               [] { truncation_of(parse_body(R"({"truncation_direction":"up"})"), true); });
  check_throws(Code::kInvalidArgument, "truncate: want boolean, got string",
               [] { truncation_of(parse_body(R"({"truncate":"yes"})"), true); });
}

TEST_CASE("check_batch speaks TEI's words") {
  check_batch("texts", 1, 1);
  check_throws(Code::kEmpty, "`texts` cannot be empty", [] { check_batch("texts", 0, 1); });
  check_throws(Code::kInvalidArgument, "batch size 33 > maximum allowed batch size 32",
               [] { check_batch("texts", 33, 32); });
  CHECK_THROWS_AS(check_batch("texts", 33, 32), TooManyInputs);
}

}  // namespace
}  // namespace winnow
