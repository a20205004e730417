#include "http/status.h"

#include <doctest/doctest.h>

#include <set>

#include "base/json.h"

namespace winnow {
namespace {

TEST_CASE("TEI's statuses and words are those of its API") {
  struct Row {
    Code code;
    int status;
    std::string_view type;
  };
  for (const Row& row :
       {Row{Code::kCorrupt, 400, "Validation"}, Row{Code::kEmpty, 400, "Empty"},
        Row{Code::kNotFound, 404, "Validation"}, Row{Code::kInvalidArgument, 422, "Validation"},
        Row{Code::kTooLong, 422, "Validation"}, Row{Code::kTokenizer, 422, "Tokenizer"},
        Row{Code::kUnsupported, 424, "Backend"}, Row{Code::kInternal, 424, "Backend"},
        Row{Code::kOverloaded, 429, "Overloaded"}, Row{Code::kCancelled, 499, "Backend"},
        Row{Code::kIo, 500, "Backend"}, Row{Code::kNetwork, 500, "Backend"},
        Row{Code::kDeadline, 504, "Overloaded"}}) {
    CAPTURE(code_name(row.code));
    CHECK(status_of(ErrorFamily::kTei, row.code) == row.status);
    CHECK(status_of(ErrorFamily::kOpenai, row.code) == row.status);
    CHECK(tei_error_type(row.code) == row.type);
  }
}

TEST_CASE("Cohere's statuses are of Cohere's list") {
  const std::set<int> list{400, 401, 403, 404, 422, 429, 498, 499, 500, 501, 502, 503, 504};
  for (int code = 0; code <= static_cast<int>(Code::kInternal); ++code)
    CHECK(list.contains(status_of(ErrorFamily::kCohere, static_cast<Code>(code))));
  CHECK(status_of(ErrorFamily::kCohere, Code::kInvalidArgument) == 400);
  CHECK(status_of(ErrorFamily::kCohere, Code::kUnsupported) == 422);
}

TEST_CASE("each family has its own shape of error") {
  const HttpResponse tei = error_response(ErrorFamily::kTei, Code::kTooLong, "512 < 600");
  CHECK(tei.status == 422);
  CHECK(tei.body == R"({"error":"Input validation error: 512 < 600","error_type":"Validation"})");
  const HttpResponse openai = error_response(ErrorFamily::kOpenai, Code::kTooLong, "512 < 600");
  CHECK(openai.body ==
        R"({"message":"Input validation error: 512 < 600","code":422,"type":"Validation"})");
  const HttpResponse cohere = error_response(ErrorFamily::kCohere, Code::kTooLong, "512 < 600");
  const Json json = Json::parse(cohere.body, "body");
  CHECK(json.string("message") == "512 < 600");
  CHECK(json.string("id").size() == 36);
  CHECK(json.size() == 2);
}

TEST_CASE("an overloaded answer says when to try again, and only that one") {
  const auto has_retry = [](Code code) {
    for (const auto& [name, value] : error_response(ErrorFamily::kTei, code, "").headers)
      if (name == "Retry-After") return value == "1";
    return false;
  };
  CHECK(has_retry(Code::kOverloaded));
  CHECK_FALSE(has_retry(Code::kDeadline));
}

TEST_CASE("a message's ill-formed bytes do not reach the answer") {
  CHECK(error_response(ErrorFamily::kTei, Code::kNotFound,
                       "a\xFF"
                       "b")
            .body ==
        "{\"error\":\"a\uFFFD"
        "b\",\"error_type\":\"Validation\"}");
}

TEST_CASE("a generating route fails in OpenAI's own form, with its field") {
  const auto body = [](Code code, const char* message) {
    return error_response(ErrorFamily::kGenerate, code, message).body;
  };
  CHECK(body(Code::kInvalidArgument, "`n`: want an integer, got 0") ==
        R"({"error":{"message":"`n`: want an integer, got 0","type":"invalid_request_error",)"
        R"("param":"n","code":null}})");
  CHECK(body(Code::kNotFound, "no") ==
        R"({"error":{"message":"no","type":"invalid_request_error","param":null,)"
        R"("code":"model_not_found"}})");
  CHECK(status_of(ErrorFamily::kGenerate, Code::kInvalidArgument) == 400);
  CHECK(status_of(ErrorFamily::kGenerate, Code::kTooLong) == 400);
  CHECK(status_of(ErrorFamily::kGenerate, Code::kUnsupported) == 422);
  CHECK(status_of(ErrorFamily::kGenerate, Code::kOverloaded) == 429);
  CHECK(status_of(ErrorFamily::kGenerate, Code::kInternal) == 500);
}

TEST_CASE("random_uuid has the form of version 4 and does not repeat") {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string uuid = random_uuid();
    REQUIRE(uuid.size() == 36);
    CHECK(uuid[14] == '4');
    CHECK(std::string_view("89ab").find(uuid[19]) != std::string_view::npos);
    for (const size_t dash : {8, 13, 18, 23}) CHECK(uuid[dash] == '-');
    CHECK(seen.insert(uuid).second);
  }
}

}  // namespace
}  // namespace winnow
