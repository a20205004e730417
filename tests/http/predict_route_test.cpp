#include "http/predict_route.h"

#include <doctest/doctest.h>

#include "http/body.h"
#include "http/throws.h"

namespace winnow {
namespace {

using test::check_throws;

TeiPredict parse(std::string_view body, const ServerOptions& options = {}) {
  return parse_tei_predict(parse_body(body), options);
}

TEST_CASE("predict inputs are a text, a flat pair, or a batch of lists") {
  const TeiPredict text = parse(R"({"inputs":"a"})");
  CHECK_FALSE(text.batch);
  REQUIRE(text.request.inputs.size() == 1);
  CHECK(text.request.inputs[0].text == "a");
  CHECK_FALSE(text.request.inputs[0].pair);

  const TeiPredict pair = parse(R"({"inputs":["a","b"]})");
  CHECK_FALSE(pair.batch);
  REQUIRE(pair.request.inputs.size() == 1);
  CHECK(pair.request.inputs[0].pair == "b");

  const TeiPredict batch = parse(R"({"inputs":[["a"],["b","c"]],"raw_scores":true})");
  CHECK(batch.batch);
  CHECK(batch.request.raw_scores);
  REQUIRE(batch.request.inputs.size() == 2);
  CHECK_FALSE(batch.request.inputs[0].pair);
  CHECK(batch.request.inputs[1].text == "b");
  CHECK(batch.request.inputs[1].pair == "c");
}

TEST_CASE("a predict request that is wrong is refused by field") {
  check_throws(Code::kInvalidArgument, "inputs: want one text or two, a pair, got 3",
               [] { parse(R"({"inputs":["a","b","c"]})"); });
  check_throws(Code::kInvalidArgument, "inputs[1]: want one text or two, a pair, got 0",
               [] { parse(R"({"inputs":[["a"],[]]})"); });
  check_throws(Code::kInvalidArgument, "inputs[1]: want an array of one or two strings, got string",
               [] { parse(R"({"inputs":[["a"],"b"]})"); });
  check_throws(Code::kEmpty, "`inputs` cannot be empty", [] { parse(R"({"inputs":[]})"); });
  check_throws(Code::kInvalidArgument, "want a string or an array, got number",
               [] { parse(R"({"inputs":1})"); });
}

TEST_CASE("a predict answer is a list of scores, or a list of such lists for a batch") {
  TeiPredict want;
  const std::vector<std::vector<LabelScore>> scores{{{1, 0.75f}, {0, 0.25f}}};
  const std::vector<std::string> labels{"no", "yes"};
  const std::string one = R"([{"score":0.75,"label":"yes"},{"score":0.25,"label":"no"}])";
  CHECK(tei_predict_json(want, scores, labels) == one);
  want.batch = true;
  CHECK(tei_predict_json(want, scores, labels) == '[' + one + ']');
}

TEST_CASE("a label without a name is named as transformers names it") {
  CHECK(tei_predict_json({}, {{{2, 0.5f}}}, {}) == R"([{"score":0.5,"label":"LABEL_2"}])");
}

}  // namespace
}  // namespace winnow
