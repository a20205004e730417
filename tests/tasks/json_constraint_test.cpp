#include "tasks/json_constraint.h"

#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "base/error.h"
#include "base/utf8.h"
#include "tasks/constraint_cache.h"
#include "tasks/json_schema.h"
#include "tasks/little_validator.h"

using namespace winnow;

namespace {

constexpr int32_t kEnd = 0;

const char* const kTokens[] = {"{\"",
                               "\":",
                               "\": \"",
                               "\",\"",
                               "\"}",
                               "}}",
                               "]}",
                               "[[",
                               "{}",
                               "[]",
                               "[{",
                               "\"},{\"",
                               ",\"",
                               "true",
                               "tru",
                               "null",
                               "false",
                               "12",
                               "345",
                               "0.",
                               "e1",
                               "\n",
                               "\n  ",
                               "  ",
                               " \"",
                               "name",
                               "na",
                               "value",
                               "é",
                               "\xC3",
                               "語",
                               "\xE8\xAA",
                               "\x9E\"",
                               "🙂",
                               "\xF0\x9F",
                               "\x99\x82",
                               "\\u",
                               "\\n",
                               "\\\"",
                               "\\ud83d",
                               "ab",
                               "abc",
                               "hello",
                               "hello",
                               "\":1,\"",
                               ": [",
                               "20",
                               "-0",
                               "\xFF\xFE",
                               "{\"name\":\"",
                               "\"]",
                               "\"a\"",
                               "[[[[[[[[[[[[[[[["};

// Every byte, and tokens as byte-level vocabularies have them: of several JSON symbols, with parts
// of characters, two with the same bytes, one that no text contains.
std::shared_ptr<const TokenTrie> tokens() {
  static const auto trie = [] {
    std::vector<std::string> bytes = {"<end>", ""};
    for (int b = 0; b < 256; ++b) bytes.emplace_back(1, static_cast<char>(b));
    for (const char* token : kTokens) bytes.emplace_back(token);
    return std::make_shared<const TokenTrie>(bytes, std::vector<int32_t>{kEnd});
  }();
  return trie;
}

Json schema_of(std::string_view text) { return Json::parse(text, "schema"); }

// Whether the text is a whole document, by bytes alone.
bool accepts(std::string_view schema, std::string_view text) {
  Pushdown pushdown = compile_json_schema(schema_of(schema));
  auto state = pushdown.start();
  for (const char c : text) state = pushdown.step(state, static_cast<uint8_t>(c));
  return pushdown.done(state);
}

// A random answer: allowed tokens until the end token, after `patience` of them those that close.
// Checks each mask against the automaton, token by token. Empty where no end was found.
std::string walk(const JsonConstraint& fresh, std::string_view schema, std::mt19937& rng,
                 int patience) {
  JsonConstraint constraint = fresh;
  Pushdown plain = compile_json_schema(schema_of(schema));
  auto state = plain.start();
  std::string text;
  for (int n = 0; n < 3000; ++n) {
    const TokenMask mask = constraint.allowed();
    std::vector<int32_t> allowed;
    for (size_t id = 1; id < mask.size(); ++id) {
      auto next = tokens()->bytes(id).empty() ? Pushdown::kDead : state;
      for (const char c : tokens()->bytes(id)) next = plain.step(next, static_cast<uint8_t>(c));
      if (mask.test(id) != (next != Pushdown::kDead))
        FAIL("after ", text, " the mask is wrong about ", tokens()->bytes(id));
      if (mask.test(id)) allowed.push_back(id);
    }
    CHECK(mask.test(kEnd) == plain.done(state));
    CHECK(constraint.complete() == plain.done(state));
    REQUIRE(mask.count() > 0);
    if (mask.test(kEnd) && (allowed.empty() || n > patience || rng() % 4 == 0)) return text;
    int32_t token = allowed[rng() % allowed.size()];
    for (const char c : {'0', ']', '}', '"'})
      if (n > patience && rng() % 8 != 0 && mask.test(c + 2)) token = c + 2;
    constraint.accept(token);
    for (const char c : tokens()->bytes(token)) state = plain.step(state, static_cast<uint8_t>(c));
    text += tokens()->bytes(token);
  }
  return {};
}

const char* const kSchemas[] = {
    "null",
    "{}",
    R"({"type":"object"})",
    R"({"type":"object","properties":{"name":{"type":"string"},"value":{"type":"number"},
        "ok":{"type":"boolean"}},"required":["name"],"additionalProperties":false})",
    R"({"type":"object","properties":{"a":{"type":"integer"},"ab":{"type":"null"},"é":{"type":"array"}},
        "required":["ab","z"],"additionalProperties":{"type":"string","maxLength":3}})",
    R"({"type":"array","items":{"type":"string","minLength":2,"maxLength":4},"minItems":1,"maxItems":3})",
    R"({"type":"array","prefixItems":[{"type":"integer"},{"type":"string"}],"items":{"type":"boolean"},
        "minItems":1,"maxItems":4})",
    R"({"type":"array","prefixItems":[{"const":1},{"const":2}],"items":false,"minItems":2})",
    R"({"enum":["red","green","grey",null,1.5,["a",{"b":2}]]})",
    R"({"type":"string","enum":["a","ab","\u00e9\n",7]})",
    R"({"const":{"x":[true,null]}})",
    R"({"anyOf":[{"type":"integer"},{"type":"array","items":{"$ref":"#"},"maxItems":2}]})",
    R"({"$defs":{"node":{"type":"object","properties":{"value":{"type":"integer"},
        "next":{"anyOf":[{"$ref":"#/$defs/node"},{"type":"null"}]}},"required":["value","next"],
        "additionalProperties":false}},"$ref":"#/$defs/node"})",
    R"({"type":"object","properties":{"kids":{"type":"array","items":{"$ref":"#"}}},"required":["kids"],
        "additionalProperties":false})",
    R"({"oneOf":[{"type":"object","properties":{"kind":{"const":"a"},"x":{"type":"integer"}},
        "required":["kind","x"]},{"type":"object","properties":{"kind":{"enum":["b","c"]}},
        "required":["kind"]},{"type":["string","null"]}]})",
    R"({"type":"integer","minimum":-12,"maximum":345})",
    R"({"type":"integer","exclusiveMinimum":0})",
    R"({"type":"number","minimum":0,"maximum":1})",
    R"({"type":"number","exclusiveMinimum":-3,"exclusiveMaximum":20})",
    R"({"type":"number","maximum":-7})",
    R"({"type":"string","pattern":"^[a-c]{2,4}(-[0-9]+)?$"})",
    R"({"type":"string","pattern":"[a-m]|[n-z!]"})",
    R"({"type":"string","pattern":"^[ -`{-~]x?$"})",
    R"({"allOf":[{"title":"one","type":["integer","boolean"],"description":"x"}]})",
    R"({"type":"object","properties":{"when":{"type":"string","format":"date-time"},
        "id":{"type":"string","format":"uuid"}},"required":["when","id"]})",
};

}  // namespace

TEST_CASE(
    "every answer of allowed tokens is JSON that satisfies its schema, and no mask is empty") {
  std::mt19937 rng(11);
  const char* dump = std::getenv("WINNOW_DUMP_ANSWERS");  // for a validator that is not ours
  std::ofstream out(dump ? dump : "/dev/null");
  for (const std::string schema : kSchemas) {
    CAPTURE(schema);
    const JsonConstraint fresh(tokens(), schema_of(schema));
    const test::LittleValidator validator(
        schema_of(schema == "null" ? R"({"type":"object"})" : schema));
    int finished = 0;
    for (int i = 0; i < 40; ++i) {
      const std::string text = walk(fresh, schema, rng, 1 << (i % 8));
      if (text.empty()) continue;
      ++finished;
      CAPTURE(text);
      CHECK(validator.valid(Json::parse(text, "the answer")));
      out << text << '\0' << schema << '\0';
    }
    CHECK(finished >= 30);
  }
}

TEST_CASE("a token may span several symbols and a character several tokens") {
  JsonConstraint c(tokens(), schema_of(R"({"type":"object","properties":{"name":{"type":"string"},
      "value":{"type":"string"}},"required":["name"],"additionalProperties":false})"));
  const auto id = [](std::string_view bytes) {
    for (size_t i = 1; i < tokens()->vocab_size(); ++i)
      if (tokens()->bytes(i) == bytes) return static_cast<int32_t>(i);
    FAIL("no such token");
    return 0;
  };
  CHECK(c.allowed().test(id("{\"name\":\"")));
  CHECK(!c.allowed().test(id("{}")));
  CHECK(!c.allowed().test(id("[[")));
  c.accept(id("{\"name\":\""));
  CHECK(!c.allowed().test(id("\x99\x82")));
  c.accept(id("\xF0\x9F"));
  CHECK(c.allowed().test(id("\x99\x82")));
  CHECK(!c.allowed().test(id("a")));
  CHECK(!c.allowed().test(id("\"}")));
  c.accept(id("\x99\x82"));
  CHECK(c.allowed().test(id("\"}")));
  CHECK(c.allowed().test(id("\",\"")));
  CHECK(c.allowed().test(id("}}")));  // it is text of the string
  CHECK(!c.complete());
}

TEST_CASE("what is not allowed is our own mistake, the end token comes with completeness") {
  JsonConstraint c(tokens(), schema_of(R"({"type":"integer"})"));
  CHECK_THROWS_WITH(c.accept('a' + 2), "constrain: want an allowed token, got token 99");
  CHECK_THROWS_WITH(c.accept(kEnd), "constrain: want an allowed token, got token 0");
  CHECK_THROWS_AS(c.accept(-1), Error);
  c.accept('7' + 2);
  CHECK(c.complete());
  CHECK(c.allowed().test(kEnd));
  CHECK(c.allowed().test('1' + 2));
  c.accept(kEnd);
  CHECK(c.complete());
}

TEST_CASE("white space and digits come to an end") {
  CHECK(accepts("{}", "{\n    \"a\": [\n1,\n2 ]\n}"));
  CHECK(!accepts("{}", "{  \"a\":1}"));
  CHECK(!accepts("{}", std::string("[\n") + std::string(25, ' ') + "1]"));
  CHECK(accepts("{}", std::string(18, '9')));
  CHECK(!accepts("{}", std::string(19, '9')));
  CHECK(!accepts("{}", "01"));
  CHECK(accepts("{}", "-0.5e+10"));
}

TEST_CASE("strings hold whole characters and whole escapes") {
  CHECK(accepts("{}", "\"\\ud83d\\ude42 \\u00e9 \\/ é 語 🙂\""));
  for (const char* bad : {"\"\\ud83d\"", "\"\\ude42\"", "\"\\x\"", "\"\n\"", "\"\xC3\"",
                          "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xC0\x80\""})
    CHECK(!accepts("{}", bad));
  CHECK(accepts(R"({"type":"string","maxLength":1})", "\"\\ud83d\\ude42\""));
  CHECK(!accepts(R"({"type":"string","maxLength":1})", "\"ab\""));
}

TEST_CASE("an additional property is not a declared one") {
  const char* schema = R"({"properties":{"ab":{"type":"integer"}},"additionalProperties":true})";
  CHECK(accepts(schema, R"({"ab":1})"));
  CHECK(accepts(schema, R"({"ab":1,"a":"x","abc":"x"})"));
  CHECK(!accepts(schema, R"({"ab":"x"})"));
  CHECK(!accepts(schema, R"({"\u0061b":"x"})"));
}

TEST_CASE("a pattern counts characters and reads escaped ones as JSON writes them") {
  const char* schema = R"({"pattern":"^[^a-z]\\S.\\u00e9$"})";
  CHECK(accepts(schema, "\"語🙂\\té\""));
  CHECK(!accepts(schema, "\"a🙂.é\""));
  CHECK(!accepts(schema, "\"語 .é\""));
  CHECK(!accepts(schema, "\"語🙂é\""));
  CHECK(!accepts(schema, "\"語🙂\\né\""));
  CHECK(accepts(R"({"pattern":"b"})", "\"abc\""));
  CHECK(accepts(R"({"pattern":"^\"\\\\x"})", R"("\"\\x")"));
  CHECK(!accepts(R"({"pattern":"^\"\\\\x"})", R"("\"x")"));
  CHECK(!accepts(R"({"pattern":"b"})", "\"ac\""));
}

TEST_CASE("dates are those of the calendar") {
  const char* schema = R"({"type":"string","format":"date"})";
  CHECK(accepts(schema, "\"2024-02-29\""));
  CHECK(accepts(schema, "\"2000-02-29\""));
  CHECK(!accepts(schema, "\"2023-02-29\""));
  CHECK(!accepts(schema, "\"1900-02-29\""));
  CHECK(!accepts(schema, "\"2023-04-31\""));
  CHECK(!accepts(schema, "\"2023-13-01\""));
}

TEST_CASE("what cannot be done is named with its place") {
  const auto message = [](std::string_view schema) -> std::string {
    try {
      compile_json_schema(schema_of(schema));
    } catch (const Error& error) {
      return cat(code_name(error.code()), ": ", error.what());
    }
    return "none";
  };
  CHECK(message(R"({"properties":{"a":{"multipleOf":2}}})") ==
        "unsupported: schema: /properties/a/multipleOf: this keyword is not supported");
  CHECK(message(R"({"type":"string","format":"hostname"})") ==
        "unsupported: schema: /format: the format \"hostname\"");
  CHECK(message(R"({"type":"number","minimum":0.5})") ==
        "unsupported: schema: /minimum: only whole numbers of at most 15 digits are supported");
  CHECK(message("{\"pattern\":\"(?=a)\"}") ==
        "unsupported: schema: /pattern: (? other than (?: is not supported, at byte 0");
  CHECK(message(R"({"oneOf":[{"type":"integer"},{"type":"number"}]})")
            .starts_with("unsupported: schema: /oneOf: alternatives 0 and 1 may hold at once"));
  CHECK(message(R"({"anyOf":[true],"type":"string"})") ==
        "unsupported: schema: /type: not supported beside anyOf");
  CHECK(message(R"({"$ref":"#/$defs/no"})") ==
        "invalid_argument: schema: /$ref: want what is in the schema, got \"#/$defs/no\"");
  CHECK(message(R"({"type":"strin"})") ==
        "invalid_argument: schema: /type: want a JSON type, got \"strin\"");
  for (const char* none :
       {R"({"$ref":"#"})", "false", R"({"type":"string","minLength":3,"maxLength":2})",
        R"({"properties":{"a":{"$ref":"#"}},"required":["a"]})",
        R"({"required":["a"],"additionalProperties":false})",
        R"({"type":"integer","minimum":3,"maximum":2})"})
    CHECK(
        message(none) ==
        "invalid_argument: schema: want one that a document of at most 48 levels can satisfy, got "
        "one "
        "that none can");
}

TEST_CASE("a schema whose alternatives double with each level is refused, not followed") {
  Pushdown pushdown = compile_json_schema(schema_of(
      R"({"anyOf":[{"type":"array","items":{"$ref":"#"}},{"type":"array","minItems":0,
          "items":{"$ref":"#"}}]})"));
  auto state = pushdown.start();
  CHECK_THROWS_AS(for (int i = 0; i < 40; ++i) state = pushdown.step(state, '['), Error);
}

TEST_CASE("a frame stands around the document, exactly") {
  const Json schema = schema_of(R"({"enum":[1,12]})");
  Pushdown pushdown = compile_json_schema(schema, {"<t>\n", "\n</t>"});
  const auto accepted = [&](std::string_view text) {
    auto state = pushdown.start();
    for (const char c : text) state = pushdown.step(state, static_cast<uint8_t>(c));
    return pushdown.done(state);
  };
  CHECK(accepted("<t>\n1\n</t>"));
  CHECK(accepted("<t>\n12\n</t>"));
  for (const char* text : {"1", "<t>1\n</t>", "<t>\n1\n</t", " <t>\n1\n</t>", "<t>\n2\n</t>"})
    CHECK_FALSE(accepted(text));
}

TEST_CASE("schemas that come again share what was computed, and answer as fresh ones do") {
  ConstraintCache cache(2);
  const char* const texts[] = {R"({"type":"array","items":{"type":"integer"}})", "{}", "false"};
  const auto text_of = [](JsonConstraint constraint) {  // the first allowed byte each time
    std::string text;
    for (int i = 0; i < 40; ++i) {
      int32_t token = 2;
      while (token < 258 && !constraint.allowed().test(token)) ++token;
      if (token == 258) break;
      constraint.accept(token);
      text += static_cast<char>(token - 2);
    }
    return text;
  };
  const std::string fresh = text_of(JsonConstraint(tokens(), schema_of(texts[0])));
  CHECK(fresh.size() > 3);
  const JsonConstraint first = cache.get(tokens(), schema_of(texts[0]));
  CHECK(text_of(first) == fresh);
  // Spaces are no part of a schema; a frame is.
  CHECK(text_of(cache.get(
            tokens(), schema_of(R"({ "type": "array", "items": {"type": "integer"}})"))) == fresh);
  CHECK(cache.size() == 1);
  CHECK(text_of(cache.get(tokens(), schema_of(texts[0]), {"<", ">"}))[0] == '<');
  CHECK(cache.size() == 2);
  (void)cache.get(tokens(), schema_of(texts[1]));
  CHECK(cache.size() == 2);  // the longest unasked went
  CHECK_THROWS_AS(cache.get(tokens(), schema_of(texts[2])), Error);
  CHECK(cache.size() == 2);
  // A copy that is in use is the old one's all the same.
  CHECK(text_of(first) == fresh);
}

TEST_CASE("threads that ask for one schema at once get constraints that are alike") {
  ConstraintCache cache(4);
  std::vector<std::thread> threads;
  std::atomic<int> got = 0;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, i] {
      for (int n = 0; n < 50; ++n) {
        const JsonConstraint one =
            cache.get(tokens(), schema_of(i % 2 == 0 ? R"({"type":"string"})" : "{}"));
        got += one.full() ? 0 : 1;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(got == 200);
  CHECK(cache.size() == 2);
}
