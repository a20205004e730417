#include "http/score_route.h"

#include <doctest/doctest.h>

#include "http/body.h"
#include "http/throws.h"

namespace winnow {
namespace {

using test::check_throws;

Score parse(std::string_view body, const ServerOptions& options = {}) {
  return parse_score(parse_body(body), options);
}

using Texts = std::vector<std::string>;

TEST_CASE("a single first text goes with every second one, under any of vLLM's names") {
  for (const char* body :
       {R"({"text_1":"q","text_2":["a","b"]})", R"({"queries":["q"],"documents":["a","b"]})",
        R"({"queries":"q","items":["a","b"]})", R"({"data_1":"q","data_2":["a","b"]})"}) {
    CAPTURE(body);
    const Score want = parse(body);
    REQUIRE(want.requests.size() == 1);
    CHECK(want.requests[0].query == "q");
    CHECK(want.requests[0].documents == Texts{"a", "b"});
    CHECK(want.pairs.size() == 2);
    CHECK(!want.requests[0].raw_scores);
  }
  CHECK(parse(R"({"text_1":"q","text_2":"a"})").requests[0].documents == Texts{"a"});
}

TEST_CASE("pairs of one query are asked for together, and answered in the order of the request") {
  const Score want = parse(R"({"text_1":["q","r","q"],"text_2":["a","b","c"],"model":"m"})");
  CHECK(want.model == "m");
  REQUIRE(want.requests.size() == 2);
  CHECK(want.requests[0].documents == Texts{"a", "c"});
  CHECK(want.requests[1].documents == Texts{"b"});
  std::vector<RerankResponse> responses(2);
  responses[0].results = {{1, 0.75f, 0, {}}, {0, 0.25f, 0, {}}};
  responses[1].results = {{0, 0.5f, 0, {}}};
  Work work;
  work.times.tokens = 9;
  CHECK(
      score_json(want, responses, work, "x", 7) ==
      R"({"id":"score-x","object":"list","created":7,"data":[)"
      R"({"index":0,"object":"score","score":0.25},{"index":1,"object":"score","score":0.5},)"
      R"({"index":2,"object":"score","score":0.75}],"usage":{"prompt_tokens":9,"total_tokens":9}})");
  responses[1].results[0].error = InputError{Code::kEmpty, "the text is empty"};
  check_throws(Code::kEmpty, "text_2[1]: the text is empty",
               [&] { score_json(want, responses, work, "x", 7); });
}

TEST_CASE("a score request's options are vLLM's, and yes/no rerankers' instruction") {
  const RerankRequest r =
      parse(R"({"text_1":"q","text_2":"a","truncate_prompt_tokens":64,"truncation_side":"left",
                "max_tokens_per_query":8,"max_tokens_per_doc":9,"use_activation":false,
                "chat_template_kwargs":{"instruction":"i"}})")
          .requests[0];
  CHECK(r.truncation.max_length == 64);
  CHECK(r.truncation.side == TruncationSide::kLeft);
  CHECK(r.long_documents.max_query_tokens == 8);
  CHECK(r.long_documents.max_document_tokens == 9);
  CHECK(r.raw_scores);
  CHECK(r.instruction == "i");
  ServerOptions whole;
  whole.auto_truncate = false;
  CHECK(!parse(R"({"text_1":"q","text_2":"a"})", whole).requests[0].truncation.enabled);
  const RerankRequest all =
      parse(R"({"text_1":"q","text_2":"a","truncate_prompt_tokens":-1})", whole).requests[0];
  CHECK(all.truncation.enabled);
  CHECK(all.truncation.max_length == 0);
}

TEST_CASE("a score request that is wrong is refused by field") {
  check_throws(Code::kInvalidArgument, "`text_2`: want 2 texts, as many as in `text_1`, got 3",
               [] { parse(R"({"text_1":["q","r"],"text_2":["a","b","c"]})"); });
  check_throws(Code::kEmpty, "text_2", [] { parse(R"({"text_1":"q","text_2":[]})"); });
  check_throws(Code::kInvalidArgument, "text_1", [] { parse(R"({"text_2":["a"]})"); });
  check_throws(Code::kInvalidArgument, "data_2[0]",
               [] { parse(R"({"data_1":"q","data_2":[1]})"); });
  check_throws(Code::kInvalidArgument, "`truncation_side`: want left or right, got up",
               [] { parse(R"({"text_1":"q","text_2":"a","truncation_side":"up"})"); });
  ServerOptions few;
  few.max_client_batch_size = 1;
  check_throws(Code::kInvalidArgument, "batch size 2 > maximum allowed batch size 1",
               [&] { parse(R"({"text_1":"q","text_2":["a","b"]})", few); });
}

}  // namespace
}  // namespace winnow
