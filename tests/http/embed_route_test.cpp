#include "http/embed_route.h"

#include <doctest/doctest.h>

#include "http/body.h"
#include "http/throws.h"

namespace winnow {
namespace {

using test::check_throws;
using Ids = std::vector<int32_t>;

TeiEmbed parse(std::string_view body, const ServerOptions& options = {}) {
  return parse_tei_embed(parse_body(body), options);
}

TEST_CASE("embed inputs are a text, a list of texts and ids, or one list of ids") {
  const TeiEmbed one = parse(R"({"inputs":"a"})");
  CHECK_FALSE(one.batch);
  CHECK(one.request.inputs == std::vector<EmbedInput>{"a"});

  const TeiEmbed ids = parse(R"({"inputs":[101,2054,102]})");
  CHECK_FALSE(ids.batch);
  CHECK(ids.request.inputs == std::vector<EmbedInput>{Ids{101, 2054, 102}});

  const TeiEmbed mixed = parse(R"({"inputs":["a",[1,2],"b"]})");
  CHECK(mixed.batch);
  CHECK(mixed.request.inputs == std::vector<EmbedInput>{"a", Ids{1, 2}, "b"});
}

TEST_CASE("a list of ids is one input, however long") {
  ServerOptions options;
  options.max_client_batch_size = 2;
  CHECK(parse(R"({"inputs":[1,2,3]})", options).request.inputs.size() == 1);
  check_throws(Code::kInvalidArgument, "batch size 3 > maximum allowed batch size 2",
               [&] { parse(R"({"inputs":["a","b","c"]})", options); });
}

TEST_CASE("an embed request reads every field of TEI's, and has its defaults") {
  const TeiEmbed plain = parse(R"({"inputs":"a"})");
  CHECK(plain.request.normalize);
  CHECK(plain.request.dimensions == 0);
  CHECK(plain.request.truncation.enabled);
  const TeiEmbed full = parse(
      R"({"inputs":"a","normalize":false,"dimensions":8,"truncate":false,"prompt_name":"query",
          "truncation_direction":"left","model":"m"})");
  CHECK_FALSE(full.request.normalize);
  CHECK(full.request.dimensions == 8);
  CHECK_FALSE(full.request.truncation.enabled);
  CHECK(full.request.truncation.side == TruncationSide::kLeft);
  CHECK(full.prompt_name == "query");
  CHECK(full.model == "m");
}

TEST_CASE("an embed request that is wrong is refused by field") {
  check_throws(Code::kInvalidArgument, "missing key `inputs`", [] { parse("{}"); });
  check_throws(Code::kEmpty, "`inputs` cannot be empty", [] { parse(R"({"inputs":[]})"); });
  check_throws(Code::kEmpty, "inputs[0] cannot be empty", [] { parse(R"({"inputs":[[]]})"); });
  check_throws(Code::kInvalidArgument, "want a string or an array, got object",
               [] { parse(R"({"inputs":{}})"); });
  check_throws(Code::kInvalidArgument, "inputs[1]: want string, got number",
               [] { parse(R"({"inputs":["a",1]})"); });
  check_throws(Code::kInvalidArgument, "inputs[1]: want integer, got string",
               [] { parse(R"({"inputs":[1,"a"]})"); });
  check_throws(Code::kInvalidArgument, "want a token id, got -1",
               [] { parse(R"({"inputs":[-1]})"); });
  check_throws(Code::kInvalidArgument, "want a token id, got 4294967296",
               [] { parse(R"({"inputs":[[4294967296]]})"); });
  check_throws(Code::kInvalidArgument, "`dimensions`: want an integer from 1",
               [] { parse(R"({"inputs":"a","dimensions":0})"); });
}

TEST_CASE("vectors_json is a list of vectors, even of one") {
  CHECK(vectors_json({{0.5f, -1}}) == "[[0.5,-1]]");
  CHECK(vectors_json({{1}, {2}}) == "[[1],[2]]");
}

TEST_CASE("a similarity request puts its source sentence first") {
  const TeiEmbed want =
      parse_similarity(parse_body(R"({"inputs":{"source_sentence":"s","sentences":["a","b"]},
                     "parameters":{"truncate":false,"prompt_name":"p"}})"),
                       {});
  CHECK(want.request.inputs == std::vector<EmbedInput>{"s", "a", "b"});
  CHECK_FALSE(want.request.truncation.enabled);
  CHECK(want.prompt_name == "p");
}

TEST_CASE("a similarity request that is wrong is refused by field") {
  const auto similarity = [](std::string_view body) { parse_similarity(parse_body(body), {}); };
  check_throws(Code::kInvalidArgument, "want an object with source_sentence and sentences",
               [&] { similarity(R"({"inputs":"a"})"); });
  check_throws(Code::kEmpty, "`sentences` cannot be empty",
               [&] { similarity(R"({"inputs":{"source_sentence":"s","sentences":[]}})"); });
  check_throws(Code::kInvalidArgument, "missing key `source_sentence`",
               [&] { similarity(R"({"inputs":{"sentences":["a"]}})"); });
}

TEST_CASE("similarity_json compares each vector to the first") {
  CHECK(similarity_json({{1, 0}, {2, 0}, {0, 3}, {-1, 0}}) == "[1,0,-1]");
}

}  // namespace
}  // namespace winnow
