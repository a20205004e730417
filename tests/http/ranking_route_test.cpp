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
  CHECK(parse(known, strict).max_tokens_per_doc == 5);
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

// Words between spaces are tokens; offsets in code points, as the engine's tokenizers give them.
class Words final : public Tokenizer {
 public:
  TokenSpan tokenize(std::string_view text, bool) const override {
    TokenSpan span;
    int at = 0;
    bool inside = false;
    for (const char c : text) {
      if ((c & 0xC0) == 0x80) continue;
      if (c != ' ' && !inside) {
        span.ids.push_back(1);
        span.offsets.push_back({at, at});
      }
      inside = c != ' ';
      ++at;
      if (inside) span.offsets.back().end = at;
    }
    return span;
  }
  int special_tokens(bool) const override { return 0; }
  Encoding assemble(const TokenSpan&, const TokenSpan*) const override { return {}; }
  int32_t vocab_size() const override { return 2; }
  std::optional<int32_t> token_id(std::string_view) const override { return std::nullopt; }
  std::string_view token(int32_t) const override { return ""; }
  bool is_special(int32_t) const override { return false; }
  std::string decode(std::span<const int32_t>, bool) const override { return ""; }
};

TEST_CASE("max_tokens_per_doc cuts a long document at a token's end, and leaves ill-formed ones") {
  std::vector<std::string> documents{"one two three", "h\u00E9 \u4E2D\u6587 three", "short",
                                     "a b\xFF c d e f", ""};
  cut_documents(documents, 2, Words());
  CHECK(documents == std::vector<std::string>{"one two", "h\u00E9 \u4E2D\u6587", "short",
                                              "a b\xFF c d e f", ""});
}

}  // namespace
}  // namespace winnow
