// Jinja as jinja2 has it: recorded answers for small templates, and what a hostile one may cost.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"
#include "text/jinja/printing.h"

namespace winnow::jinja {
namespace {

std::string print(std::string_view source, const Variables& variables = {}, Limits limits = {}) {
  Program program;
  program.source = normalize_source(source);
  program.body = parse_template(program.source);
  return run(program, variables, limits);
}

Code code_of(std::string_view source, Limits limits = {}) {
  try {
    print(source, {}, limits);
  } catch (const Error& e) {
    return e.code();
  }
  return Code::kInternal;
}

TEST_CASE("small templates print what jinja2 prints, and fail where it fails") {
  const auto file = MappedFile::open(std::string(WINNOW_TEST_DATA) + "/jinja_snippets.json");
  const Json goldens = Json::parse(file->text(), "jinja_snippets.json");
  Variables variables;
  for (const auto& [name, value] : goldens.at("context").members())
    variables.emplace_back(std::string(name), Value::from_json(value));
  const Json cases = goldens.at("cases");
  CHECK(cases.size() > 300);
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string source(cases[i].string("template"));
    CAPTURE(source);
    if (const auto text = cases[i].find("text")) {
      CHECK(print(source, variables) == text->string());
      continue;
    }
    CAPTURE(cases[i].string("error"));
    try {
      const std::string got = print(source, variables);
      FAIL_CHECK("want an error, got ", got);
    } catch (const Error& e) {
      CHECK_MESSAGE((e.code() == Code::kInvalidArgument || e.code() == Code::kCorrupt ||
                     e.code() == Code::kUnsupported),
                    e.what());
    }
  }
}

TEST_CASE("an error names line, column and construct") {
  CHECK_THROWS_WITH(print("a\n  {{ é.b | nope }}"),
                    "line 2, column 12: winnow has no filter 'nope'");
  CHECK_THROWS_WITH(print("{{ x is nope }}"), "line 1, column 9: winnow has no test 'nope'");
  CHECK_THROWS_WITH(print("\n{% include 'a' %}"), "line 2, column 1: winnow has no tag 'include'");
  CHECK_THROWS_WITH(print("{% for i in x recursive %}"), "line 1, column 15: a recursive loop");
  CHECK_THROWS_WITH(print("{{ 1 + }}"), "line 1, column 8: want an expression, got }}");
  CHECK_THROWS_WITH(print("{{ 'a' }"), "line 1, column 8: unexpected '}'");
  CHECK_THROWS_WITH(print("{% if 1 %}x"), "line 1, column 12: want the tag 'endif', got the end");
  CHECK_THROWS_WITH(print("\n\n {{ a.b }}"), "line 3, column 6: 'a' is undefined");
  CHECK_THROWS_WITH(print("{{ raise_exception('own words') }}"), "line 1, column 19: own words");
  CHECK_THROWS_WITH(print("{{ [].append(1) }}"),
                    "line 1, column 13: access to attribute 'append' of 'list' object is unsafe.");
}

TEST_CASE("what is no Jinja is corrupt, what winnow lacks is unsupported, the rest is the input") {
  CHECK(code_of("{{ 1 + }}") == Code::kCorrupt);
  CHECK(code_of("{{ 1") == Code::kCorrupt);
  CHECK(code_of("{% endif %}") == Code::kCorrupt);
  CHECK(code_of("{% block x %}{% endblock %}") == Code::kUnsupported);
  CHECK(code_of("{{ 1 | nope }}") == Code::kUnsupported);
  CHECK(code_of("{{ f(*a) }}") == Code::kUnsupported);
  CHECK(code_of("{{ 9223372036854775807 + 1 }}") == Code::kUnsupported);
  CHECK(code_of("{{ 9223372036854775808 }}") == Code::kUnsupported);
  CHECK(code_of("{{ cycler(1) }}") == Code::kUnsupported);
  CHECK(code_of("{{ 'a'.encode() }}") == Code::kUnsupported);
  CHECK(code_of("{{ '{:>3}'.format(1) }}") == Code::kUnsupported);
  CHECK(code_of("{{ 'ŉ' | upper }}") == Code::kUnsupported);
  CHECK(code_of("{{ x.y }}") == Code::kInvalidArgument);
  CHECK(code_of("{{ 1 + 'a' }}") == Code::kInvalidArgument);
}

TEST_CASE("a template cannot run for ever, fill the memory or the stack") {
  const std::string hostile[] = {
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{{ 'x' * 999999999999 }}",
      "{{ [0] * 999999999999 }}",
      "{{ 'a' | center(99999999999) }}",
      "{{ 'a'.ljust(99999999999) }}",
      "{{ 'a\nb' | indent(99999999999) }}",
      "{{ [1] | batch(99999999999, 0) | list }}",
      "{% set ns = namespace(x='xxxxxxxx') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}"
      "{% endfor %}",
      "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}"
      "{% set ns.x = ns.x.replace('a', ns.x) %}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
      "{% endfor %}{{ ns.x | tojson }}",
      "{% set a = namespace(x=[1]) %}{% set b = namespace(x=[1]) %}{% for i in range(60) %}"
      "{% set a.x = [a.x, a.x] %}{% set b.x = [b.x, b.x] %}{% endfor %}{{ a.x == b.x }}",
      "{% set ns = namespace(x=[]) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor "
      "%}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro m(a=m()) %}{% endmacro %}{{ m() }}",
      "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
      std::string(100000, '(') + "1",
      "{{ " + std::string(100000, '(') + "1" + std::string(100000, ')') + " }}",
      "{{ " + std::string(100000, '[') + "1" + std::string(100000, ']') + " }}",
      "{{ " + std::string(100000, '-') + "1 }}",
      "{{ 1" + std::string(100000, '+') + "1 }}",
  };
  for (const std::string& source : hostile) {
    CAPTURE(source.substr(0, 200));
    if (source[0] == '(')
      CHECK(print(source) == source);
    else
      CHECK(code_of(source) == Code::kUnsupported);
  }
  std::string chain = "{{ 1";
  for (int i = 0; i < 100000; ++i) chain += " + 1";
  CHECK(code_of(chain + " }}") == Code::kUnsupported);
  std::string nested;
  for (int i = 0; i < 100000; ++i) nested += "{% if 1 %}";
  CHECK(code_of(nested) == Code::kUnsupported);
}

TEST_CASE("values that hold one another are freed") {  // the address sanitizer sees when not
  CHECK(print("{% set ns = namespace() %}{% set ns.self = ns %}{% set ns.all = [ns, ns] %}x") ==
        "x");
  CHECK(print("{% set ns = namespace() %}{% macro m() %}{% endmacro %}{% set ns.m = m %}x") == "x");
  CHECK(print("{% set ns = namespace() %}{% for i in [ns] %}{% set ns.l = loop %}"
              "{% set ns.c = loop.cycle %}{% endfor %}x") == "x");
  CHECK(code_of("{% set ns = namespace() %}{% set ns.self = ns %}{{ 1 / 0 }}") ==
        Code::kInvalidArgument);
}

TEST_CASE("floats print as Python prints them") {
  CHECK(float_text(0.1) == "0.1");
  CHECK(float_text(1e22) == "1e+22");
  CHECK(float_text(1e16) == "1e+16");
  CHECK(float_text(9999999999999998.0) == "9999999999999998.0");
  CHECK(float_text(0.0001) == "0.0001");
  CHECK(float_text(0.00001) == "1e-05");
  CHECK(float_text(-0.0) == "-0.0");
  CHECK(float_text(5e-324) == "5e-324");
}

}  // namespace
}  // namespace winnow::jinja
