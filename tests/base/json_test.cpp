#include "base/json.h"

#include <doctest/doctest.h>

#include <limits>

#include "base/error.h"

using namespace winnow;

TEST_CASE("a document is read through its view") {
  const Json json = Json::parse(R"({"n": 3, "x": 2.5, "list": ["a", "b"], "none": null})", "test");
  CHECK(json.integer("n") == 3);
  CHECK(json.number("n") == 3.0);
  CHECK(json.at("list")[1].string() == "b");
  CHECK(!json.find("none"));
  CHECK(json.integer("absent", 7) == 7);
}

TEST_CASE("an accessor names the path, the wish and the find") {
  const Json json = Json::parse(R"({"a": [{"b": "text"}]})", "config.json");
  CHECK_THROWS_WITH(json.at("a")[0].integer("b"), "config.json: a[0].b: want integer, got string");
  CHECK_THROWS_WITH(json.at("c"), "config.json: missing key `c`");
}

TEST_CASE("text that is not JSON is refused with its offset, deep text without a crash") {
  CHECK_THROWS_AS(Json::parse("{\"a\": }", "test"), Error);
  CHECK_THROWS_AS(Json::parse("", "test"), Error);
  CHECK_THROWS_AS(Json::parse("{} {}", "test"), Error);
  CHECK_THROWS_AS(Json::parse(std::string(100000, '['), "test"), Error);
}

TEST_CASE("invalid UTF-8 passes only where asked for") {
  CHECK_THROWS_AS(Json::parse("[\"\xff\"]", "test"), Error);
  CHECK(Json::parse("[\"\xff\"]", "test", {.allow_invalid_utf8 = true})[0].string() == "\xff");
}

TEST_CASE("the writer writes what the reader reads") {
  JsonWriter out;
  out.begin_object().member("text", "a\"\\\n\x01é").key("list").begin_array();
  out.value(0.1f)
      .value(int64_t{-5})
      .value(true)
      .null()
      .value(std::numeric_limits<float>::quiet_NaN());
  out.end_array().end_object();
  CHECK(out.text() == "{\"text\":\"a\\\"\\\\\\n\\u0001é\",\"list\":[0.1,-5,true,null,null]}");
  CHECK(Json::parse(out.text(), "test").string("text") == "a\"\\\n\x01é");
}
