#include "http/ranking_route.h"

#include <doctest/doctest.h>

#include "http/body.h"
#include "http/throws.h"

namespace winnow {
namespace {

using test::check_throws;

Ranking parse(std::string_view body, const ServerOptions& options = {},
              RankingVersion version = RankingVersion::kV1) {
  return parse_ranking(parse_body(body), version, options);
}

RerankResponse scored(std::vector<std::pair<int, float>> scores) {
  RerankResponse response;
  for (const auto& [index, score] : scores) response.results.push_back({index, score, {}});
  return response;
}

TEST_CASE("a ranking request takes strings and objects, and keeps the ids it was given") {
  const Ranking want = parse(
      R"({"model":"m","query":{"text":"q"},"top_n":2,
          "documents":["a",{"text":"b","id":"x\"y"},{"text":"c","id":7},{"text":"d"}]})");
  CHECK(want.model == "m");
  CHECK(want.request.query == "q");
  CHECK(want.request.documents == std::vector<std::string>{"a", "b", "c", "d"});
  CHECK(want.ids == std::vector<std::string>{"", R"("x\"y")", "7", ""});
  CHECK(want.request.top_n == 2);
  CHECK(want.request.truncation.enabled);
}

TEST_CASE("rank_fields joins the fields it names in its order") {
  const Ranking want = parse(R"({"query":"q","rank_fields":["title","body"],
                                 "documents":[{"body":"b","title":"t"},{"body":"only"},"plain"]})");
  CHECK(want.request.documents == std::vector<std::string>{"t\nb", "only", "plain"});
}

TEST_CASE("return_documents defaults to the server's setting on v1 and to false on v2") {
  ServerOptions options;
  const std::string_view plain = R"({"query":"q","documents":["a"]})";
  CHECK_FALSE(parse(plain, options).return_documents);
  options.return_documents = true;
  CHECK(parse(plain, options).return_documents);
  CHECK_FALSE(parse(plain, options, RankingVersion::kV2).return_documents);
  const std::string_view asked = R"({"query":"q","documents":["a"],"return_documents":true})";
  CHECK(parse(asked, {}, RankingVersion::kV2).return_documents);
  const std::string_view refused = R"({"query":"q","documents":["a"],"return_documents":false})";
  CHECK_FALSE(parse(refused, options).return_documents);
}

TEST_CASE("SGLang's answer is a bare list, with documents unless a request says not") {
  ServerOptions options;
  options.sglang = true;
  const Ranking want = parse(R"({"query":"q","documents":["a",{"text":"b","id":7}]})", options);
  CHECK(want.return_documents);
  const Json list = Json::parse(sglang_json(want, scored({{1, 0.75f}, {0, 0.25f}}), "i"), "answer");
  REQUIRE(list.size() == 2);
  CHECK(list[0].number("score") == 0.75);
  CHECK(list[0].string("document") == "b");
  CHECK(list[0].integer("index") == 1);
  CHECK(list[0].at("meta_info").integer("document_id") == 7);
  CHECK(list[1].at("meta_info").string("id") == "i");
  const Ranking bare =
      parse(R"({"query":"q","documents":["a"],"return_documents":false})", options);
  CHECK(sglang_json(bare, scored({{0, 1}}), "i") ==
        R"([{"score":1,"document":null,"index":0,"meta_info":{"id":"i"}}])");
  CHECK_FALSE(
      parse(R"({"query":"q","documents":["a"]})", options, RankingVersion::kV2).return_documents);
}

TEST_CASE("unknown fields are ignored, and refused in strict mode in Cohere's words") {
  const std::string_view body = R"({"query":"q","documents":["a"],"top_k":3})";
  CHECK(parse(body).request.top_n == 0);
  ServerOptions strict;
  strict.strict = true;
  check_throws(Code::kUnsupported, "unknown field: parameter 'top_k' is not a valid field",
               [&] { parse(body, strict); });
  const std::string_view known = R"({"model":"m","query":"q","documents":["a"],"top_n":1,
      "max_tokens_per_doc":5,"priority":1,"rank_fields":["text"],"return_documents":true,
      "max_chunks_per_doc":3,"relevant_spans":null,"truncation":true})";
  CHECK(parse(known, strict).request.long_documents.max_document_tokens == 5);
}

TEST_CASE("what a yes/no reranker judges by has SGLang's name and vLLM's, in strict mode too") {
  ServerOptions strict;
  strict.strict = true;
  const auto instruction = [&](const std::string& more) {
    return parse(R"({"query":"q","documents":["a"],)" + more + "}", strict).request.instruction;
  };
  CHECK(instruction(R"("instruct":"i")") == "i");
  CHECK(instruction(R"("instruction":"j")") == "j");
  CHECK(instruction(R"("chat_template_kwargs":{"instruction":"k"})") == "k");
  CHECK(instruction(R"("top_n":1)") == "");
  CHECK(parse(R"({"query":"q","documents":["a"],"escape_special":true})", strict)
            .request.escape_special);
  check_throws(Code::kInvalidArgument, "instruct: want", [&] { instruction(R"("instruct":1)"); });
}

TEST_CASE("a ranking request that is wrong is refused by field") {
  check_throws(Code::kInvalidArgument, "missing key `query`",
               [] { parse(R"({"documents":["a"]})"); });
  check_throws(Code::kInvalidArgument, "missing key `documents`",
               [] { parse(R"({"query":"q"})"); });
  check_throws(Code::kEmpty, "`documents` cannot be empty",
               [] { parse(R"({"query":"q","documents":[]})"); });
  check_throws(Code::kInvalidArgument,
               "documents[1]: want a string or an object with text, got number",
               [] { parse(R"({"query":"q","documents":["a",1]})"); });
  check_throws(Code::kInvalidArgument, "documents[0]: missing key `text`",
               [] { parse(R"({"query":"q","documents":[{"id":1}]})"); });
  check_throws(Code::kInvalidArgument, "documents[0].id: want integer, got array",
               [] { parse(R"({"query":"q","documents":[{"text":"a","id":[]}]})"); });
  check_throws(Code::kInvalidArgument, "`top_n`: want an integer from 0",
               [] { parse(R"({"query":"q","documents":["a"],"top_n":-1})"); });
  check_throws(Code::kInvalidArgument, "top_n: want integer, got string",
               [] { parse(R"({"query":"q","documents":["a"],"top_n":"1"})"); });
  check_throws(Code::kInvalidArgument, "`max_tokens_per_doc`: want an integer from 1",
               [] { parse(R"({"query":"q","documents":["a"],"max_tokens_per_doc":0})"); });
}

TEST_CASE("a ranking answer has what clients of Cohere and of Jina read") {
  const Ranking want =
      parse(R"({"query":"q","documents":["a",{"text":"b","id":"x"}],"return_documents":true})");
  ModelInfo model{};
  model.name = "m";
  Work work;
  work.model = &model;
  work.times.tokens = 9;
  CHECK(ranking_json(want, scored({{1, 0.5f}, {0, 0.25f}}), work, RankingVersion::kV1, "uuid") ==
        R"({"id":"uuid","object":"list","model":"m","results":[)"
        R"({"index":1,"relevance_score":0.5,"id":"x","document":{"text":"b"}},)"
        R"({"index":0,"relevance_score":0.25,"document":{"text":"a"}}],)"
        R"("usage":{"prompt_tokens":9,"total_tokens":9},)"
        R"("meta":{"api_version":{"version":"1"},"billed_units":{"search_units":1}}})");
}

TEST_CASE("a v2 answer says so, and a search unit is a hundred documents") {
  Ranking want;
  want.request.documents.resize(101);
  const std::string json = ranking_json(want, {}, {}, RankingVersion::kV2, "");
  CHECK(json.find(R"("version":"2")") != json.npos);
  CHECK(json.find(R"("search_units":2)") != json.npos);
}

TEST_CASE("a bad document fails a ranking, and the first one is named") {
  const Ranking want = parse(R"({"query":"q","documents":["a","",""]})");
  RerankResponse response = scored({{0, 0.5f}});
  response.results.push_back({2, 0, 0, InputError{Code::kTooLong, "too long"}});
  response.results.push_back({1, 0, 0, InputError{Code::kEmpty, "is empty"}});
  check_throws(Code::kEmpty, "documents[1]: is empty",
               [&] { ranking_json(want, response, {}, RankingVersion::kV1, ""); });
}

TEST_CASE("long documents go by Cohere's and vLLM's fields, each version with its default") {
  const auto of = [](const std::string& more, RankingVersion version) {
    return parse_ranking(Json::parse(R"({"query":"q","documents":["a","b"])" + more + "}", "body"),
                         version, {})
        .request;
  };
  CHECK(of("", RankingVersion::kV1).long_documents.max_chunks == 10);
  CHECK(of("", RankingVersion::kV2).long_documents.max_chunks == 1);
  CHECK(of(R"(,"max_chunks_per_doc":3)", RankingVersion::kV2).long_documents.max_chunks == 3);
  CHECK(of(R"(,"max_tokens_per_query":7)", RankingVersion::kV2).long_documents.max_query_tokens ==
        7);
  CHECK(of(R"(,"truncate_prompt_tokens":64)", RankingVersion::kV2).truncation.max_length == 64);
  CHECK(of(R"(,"truncate_prompt_tokens":-1)", RankingVersion::kV2).truncation.max_length == 0);
  CHECK_THROWS_AS(of(R"(,"max_chunks_per_doc":5001)", RankingVersion::kV1), Error);
}

}  // namespace
}  // namespace winnow
