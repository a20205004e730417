#include "http/rerank_route.h"

#include <doctest/doctest.h>

#include "http/body.h"
#include "http/throws.h"

namespace winnow {
namespace {

using test::check_throws;

TeiRerank parse(std::string_view body, const ServerOptions& options = {}) {
  return parse_tei_rerank(parse_body(body), options);
}

TEST_CASE("a rerank request takes TEI's defaults") {
  const TeiRerank want = parse(R"({"query":"q","texts":["a","b"]})");
  CHECK(want.request.query == "q");
  CHECK(want.request.documents == std::vector<std::string>{"a", "b"});
  CHECK(want.request.truncation.enabled);
  CHECK_FALSE(want.request.raw_scores);
  CHECK(want.request.top_n == 0);
  CHECK_FALSE(want.return_text);
  CHECK(want.model.empty());
}

TEST_CASE("a rerank request reads every field of TEI's") {
  const TeiRerank want = parse(
      R"({"query":"q","texts":["a"],"truncate":false,"truncation_direction":"Left",
          "raw_scores":true,"return_text":true,"model":"m","unknown":{}})");
  CHECK_FALSE(want.request.truncation.enabled);
  CHECK(want.request.truncation.side == TruncationSide::kLeft);
  CHECK(want.request.raw_scores);
  CHECK(want.return_text);
  CHECK(want.model == "m");
}

TEST_CASE("a rerank request that is wrong is refused by field") {
  check_throws(Code::kInvalidArgument, "missing key `query`", [] { parse(R"({"texts":["a"]})"); });
  check_throws(Code::kInvalidArgument, "missing key `texts`", [] { parse(R"({"query":"q"})"); });
  check_throws(Code::kInvalidArgument, "query: want string, got number",
               [] { parse(R"({"query":1,"texts":["a"]})"); });
  check_throws(Code::kInvalidArgument, "texts: want an array of strings, got string",
               [] { parse(R"({"query":"q","texts":"a"})"); });
  check_throws(Code::kInvalidArgument, "texts[1]: want string, got number",
               [] { parse(R"({"query":"q","texts":["a",1]})"); });
  check_throws(Code::kEmpty, "`texts` cannot be empty",
               [] { parse(R"({"query":"q","texts":[]})"); });
  ServerOptions options;
  options.max_client_batch_size = 1;
  check_throws(Code::kInvalidArgument, "batch size 2 > maximum allowed batch size 1",
               [&] { parse(R"({"query":"q","texts":["a","b"]})", options); });
}

TEST_CASE("a rerank answer holds scores, texts where asked, and an error for each refused text") {
  TeiRerank want = parse(R"({"query":"q","texts":["a","","b\ud800"]})");
  RerankResponse response;
  response.results = {{0, 0.25f, std::nullopt},
                      {1, 0, 0, InputError{Code::kEmpty, "empty"}},
                      {2, 0, 0, InputError{Code::kTokenizer, "bad \xFF"}}};
  const std::string errors =
      R"({"index":1,"error":"empty","error_type":"Empty"},)"
      "{\"index\":2,\"error\":\"Tokenizer error: bad \uFFFD\",\"error_type\":\"Tokenizer\"}]";
  CHECK(tei_rerank_json(want, response) == R"([{"index":0,"score":0.25},)" + errors);
  want.return_text = true;
  CHECK(tei_rerank_json(want, response) == R"([{"index":0,"text":"a","score":0.25},)" + errors);
  CHECK(tei_rerank_json(want, {}) == "[]");
}

}  // namespace
}  // namespace winnow
