#include "http/request_head.h"

#include <doctest/doctest.h>

namespace winnow {
namespace {

TEST_CASE("path_of_target drops the query and the host, and decodes escapes") {
  CHECK(path_of_target("/rerank") == "/rerank");
  CHECK(path_of_target("/rerank?a=/b") == "/rerank");
  CHECK(path_of_target("/v1/models/a%2Fb%20c") == "/v1/models/a/b c");
  CHECK(path_of_target("http://host:3000/rerank?x") == "/rerank");
  CHECK(path_of_target("http://host") == "/");
  CHECK(path_of_target("") == "");
}

TEST_CASE("path_of_target leaves broken escapes as they are") {
  CHECK(path_of_target("/%") == "/%");
  CHECK(path_of_target("/%4") == "/%4");
  CHECK(path_of_target("/%zz%41") == "/%zzA");
}

TEST_CASE("timeout_of_header takes whole milliseconds up to a day") {
  CHECK(timeout_of_header("1")->count() == 1);
  CHECK(timeout_of_header("86400000")->count() == 86'400'000);
  for (const char* text : {"", "0", "-5", "1.5", "10s", " 10", "86400001", "99999999999999999999"})
    CHECK_FALSE(timeout_of_header(text));
}

}  // namespace
}  // namespace winnow
