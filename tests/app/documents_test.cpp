#include "app/documents.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/error.h"

using namespace winnow;

namespace {

std::string message_of(const auto& work) {
  try {
    work();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("lines end in LF or CRLF or with the file, and a byte order mark is none of the first") {
  const auto lines = split_lines(
      "\xEF\xBB\xBF"
      "a\r\n\nb");
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "a");
  CHECK(lines[1] == "");
  CHECK(lines[2] == "b");
  CHECK(split_lines("").empty());
  CHECK(split_lines("a\n").size() == 1);
}

TEST_CASE("a document a line: blank lines are none, and each knows its line") {
  const auto documents = parse_documents("one\n\n  \ntwo\n", "d.txt");
  REQUIRE(documents.size() == 2);
  CHECK(documents[0].text == "one");
  CHECK(documents[1].text == "two");
  CHECK(documents[1].line == 4);
  CHECK(!documents[1].id);
}

TEST_CASE(
    "JSONL documents have text, title in front of it, and an id that is a string or an integer") {
  const auto documents = parse_documents(R"({"text":"b","title":"A.","id":"x","other":[1]}
{"text":"c","_id":7}
{"text":"d","title":""}
)",
                                         "stdin");
  REQUIRE(documents.size() == 3);
  CHECK(documents[0].text == "A. b");
  CHECK(documents[0].id->text == "x");
  CHECK(!documents[0].id->integer);
  CHECK(documents[1].id->text == "7");
  CHECK(documents[1].id->integer);
  CHECK(documents[2].text == "d");
}

TEST_CASE("the name decides the format, then the first line") {
  CHECK(parse_documents("{\"text\":\"a\"}", "x.txt")[0].text == "a");
  CHECK(parse_documents("{a brace opens this line}\n{\"text\":\"a\"}", "x.txt")[1].text ==
        "{\"text\":\"a\"}");
  CHECK(parse_documents("{\"text\":\"a\"}", "x", DocumentFormat::kLines)[0].text ==
        "{\"text\":\"a\"}");
  CHECK(message_of([] {
          parse_documents("plain", "x.jsonl");
        }).starts_with("x.jsonl:1: not JSON at byte 0"));
}

TEST_CASE("a bad line is named by file and line, a bad key by its path") {
  CHECK(message_of([] { parse_documents("{\"text\":\"a\"}\n{\"text\":5}", "d.jsonl"); }) ==
        "d.jsonl:2: text: want string, got number");
  CHECK(message_of([] { parse_documents("{\"txt\":\"a\"}", "d.jsonl"); }) ==
        "d.jsonl:1: missing key `text`");
  CHECK(message_of([] { parse_documents("[1]", "d.jsonl"); }) ==
        "d.jsonl:1: want an object with \"text\", got array");
  CHECK(message_of([] { parse_documents("{\"text\":\"a\",\"id\":true}", "d.jsonl"); }) ==
        "d.jsonl:1: id: want string, got boolean");
}

TEST_CASE("invalid UTF-8 is handed through for the engine to refuse") {
  CHECK(parse_documents("a\xFF", "d.txt")[0].text == "a\xFF");
  CHECK(parse_documents("{\"text\":\"a\xFF\"}", "d.jsonl")[0].text == "a\xFF");
}

TEST_CASE(
    "queries have their own documents or none, as strings or objects; BEIR's text is a query too") {
  const auto queries = parse_queries(R"({"query":"q","id":3,"documents":["a",{"text":"b","id":"B"}]}
{"text":"r","_id":"5"})",
                                     "q.jsonl");
  REQUIRE(queries.size() == 2);
  CHECK(queries[0].text == "q");
  CHECK(queries[0].id->text == "3");
  REQUIRE(queries[0].documents->size() == 2);
  CHECK((*queries[0].documents)[0].text == "a");
  CHECK((*queries[0].documents)[1].id->text == "B");
  CHECK(queries[1].text == "r");
  CHECK(!queries[1].documents);
  CHECK(message_of([] { parse_queries("{}", "q.jsonl"); }) == "q.jsonl:1: missing key `query`");
}

TEST_CASE("a file is read whole, and a missing one is named") {
  const std::string path = "documents_test_" + std::to_string(::getpid()) + ".txt";
  const std::string text(3'000'000, 'x');
  std::ofstream(path) << text;
  CHECK(read_input(path) == text);
  std::remove(path.c_str());
  CHECK(message_of([&] { read_input(path); }) ==
        "read: want a file to read, got " + path + ": No such file or directory");
  CHECK(message_of([&] { read_input("/"); }) == "read: want a file to read, got /: Is a directory");
}
