#include "http/openai_route.h"

#include <doctest/doctest.h>

#include "http/body.h"
#include "http/throws.h"

namespace winnow {
namespace {

using test::check_throws;

OpenaiEmbeddings parse(std::string_view body, const ServerOptions& options = {}) {
  return parse_openai_embeddings(parse_body(body), options);
}

TEST_CASE("an embeddings request takes OpenAI's defaults and always normalises") {
  const OpenaiEmbeddings want = parse(R"({"input":"a","normalize":false,"truncate":false})");
  CHECK(want.request.inputs == std::vector<EmbedInput>{"a"});
  CHECK_FALSE(want.base64);
  CHECK(want.request.normalize);
  CHECK(want.request.truncation.enabled);
  CHECK(want.request.dimensions == 0);
}

TEST_CASE("an embeddings request reads every field that winnow uses") {
  const OpenaiEmbeddings want = parse(
      R"({"input":[[1,2],"b"],"model":"m","encoding_format":"base64","dimensions":4,"user":"u"})");
  CHECK(want.request.inputs == std::vector<EmbedInput>{std::vector<int32_t>{1, 2}, "b"});
  CHECK(want.base64);
  CHECK(want.batch);
  CHECK(want.request.dimensions == 4);
  CHECK(want.model == "m");
  CHECK_FALSE(parse(R"({"input":"a","encoding_format":"float"})").base64);
}

TEST_CASE("an embeddings request that is wrong is refused by field") {
  check_throws(Code::kInvalidArgument, "missing key `input`", [] { parse(R"({"inputs":"a"})"); });
  check_throws(Code::kEmpty, "`input` cannot be empty", [] { parse(R"({"input":[]})"); });
  check_throws(Code::kInvalidArgument, "`encoding_format`: want float or base64, got hex",
               [] { parse(R"({"input":"a","encoding_format":"hex"})"); });
}

TEST_CASE("an embeddings answer holds floats or their base64, the model and the tokens") {
  OpenaiEmbeddings want;
  ModelInfo model{};
  model.name = "m";
  Work work;
  work.model = &model;
  work.times.tokens = 5;
  const std::string tail = R"("model":"m","usage":{"prompt_tokens":5,"total_tokens":5}})";
  CHECK(openai_embeddings_json(want, {{0.5f, -1}, {2, 3}}, work) ==
        R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]},)"
        R"({"object":"embedding","index":1,"embedding":[2,3]}],)" +
            tail);
  want.base64 = true;
  CHECK(
      openai_embeddings_json(want, {{1, -2.5f}}, work) ==
      R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":"AACAPwAAIMA="}],)" +
          tail);
}

TEST_CASE("a model card names the model, its limit and its owner") {
  ModelInfo model{};
  model.name = "m";
  model.max_length = 512;
  CHECK(model_card_json(model, 7) ==
        R"({"id":"m","object":"model","created":7,"owned_by":"winnow","root":"m","parent":null,)"
        R"("max_model_len":512,"permission":[]})");
}

}  // namespace
}  // namespace winnow
