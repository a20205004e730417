#include "http/dispatcher.h"

#include <doctest/doctest.h>

#include <set>

#include "base/json.h"
#include "http/docs_route.h"

namespace winnow {
namespace {

TEST_CASE("find_route goes by method and whole path") {
  std::string allow;
  const Route* rerank = find_route("POST", "/rerank", allow);
  REQUIRE(rerank);
  CHECK(rerank->path == "/rerank");
  CHECK(find_route("POST", "/rerank/", allow) == nullptr);
  CHECK(allow.empty());
  CHECK(find_route("POST", "/nothing", allow) == nullptr);
  CHECK(find_route("POST", "", allow) == nullptr);
}

TEST_CASE("find_route names the methods of a path that has none of that kind") {
  std::string allow;
  CHECK(find_route("GET", "/rerank", allow) == nullptr);
  CHECK(allow == "POST");
  CHECK(find_route("DELETE", "/", allow) == nullptr);
  CHECK(allow == "POST, GET, HEAD");
}

TEST_CASE("HEAD is served as GET") {
  std::string allow;
  CHECK(find_route("HEAD", "/health", allow) == find_route("GET", "/health", allow));
}

TEST_CASE("a model's name may hold slashes, and must be there") {
  std::string allow;
  const Route* route = find_route("GET", "/v1/models/org/name", allow);
  REQUIRE(route);
  CHECK(route->path == "/v1/models/");
  CHECK(find_route("GET", "/v1/models/", allow) == nullptr);
  CHECK(find_route("GET", "/v1/models", allow) != route);
}

TEST_CASE("a path's errors have its family's shape, whatever the method") {
  CHECK(family_of("/v1/rerank") == ErrorFamily::kCohere);
  CHECK(family_of("/v2/rerank") == ErrorFamily::kCohere);
  CHECK(family_of("/v1/embeddings") == ErrorFamily::kOpenai);
  CHECK(family_of("/v1/unknown") == ErrorFamily::kOpenai);
  CHECK(family_of("/rerank") == ErrorFamily::kTei);
  CHECK(family_of("") == ErrorFamily::kTei);
}

TEST_CASE("only health, metrics and the description are outside the key check") {
  const std::set<std::string_view> open{
      "/", "/health", "/ping", "/metrics", "/docs", "/openapi.json", "/api-doc/openapi.json"};
  for (const Route& route : routes()) {
    CAPTURE(route.path);
    CHECK(route.open == (route.method == "GET" && open.contains(route.path)));
    CHECK(route.works == (route.method == "POST"));
  }
}

TEST_CASE("is_json_type takes JSON with parameters and in any case, and nothing else") {
  for (const char* type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json ;x", "application/problem+json"})
    CHECK(is_json_type(type));
  for (const char* type :
       {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "text/json",
        "multipart/form-data; x=application/json"})
    CHECK_FALSE(is_json_type(type));
}

TEST_CASE("openapi.json describes the routes that there are, and no others") {
  std::set<std::string> served, described;
  for (const Route& route : routes()) {
    std::string path(route.path);
    if (path.size() > 1 && path.ends_with('/')) path += "{model}";
    served.insert(std::string(route.method == "GET" ? "get " : "post ") + path);
  }
  const Json document = Json::parse(openapi_json(), "openapi.json");
  for (const auto& [path, methods] : document.at("paths").members())
    for (const auto& [method, operation] : methods.members())
      described.insert(std::string(method) + ' ' + std::string(path));
  CHECK(served == described);
}

// Every "$ref" below a value.
void references(const Json& json, std::set<std::string>& found) {
  if (json.is_array())
    for (size_t i = 0; i < json.size(); ++i) references(json[i], found);
  if (json.is_object())
    for (const auto& [key, value] : json.members())
      key == "$ref" ? void(found.insert(std::string(value.string()))) : references(value, found);
}

TEST_CASE("openapi.json refers to schemas that it has, and has no others") {
  const Json document = Json::parse(openapi_json(), "openapi.json", {.max_depth = 64});
  std::set<std::string> used, defined;
  references(document, used);
  for (const auto& [name, schema] : document.at("components").at("schemas").members())
    defined.insert("#/components/schemas/" + std::string(name));
  CHECK(used == defined);
}

TEST_CASE("the documentation page loads nothing from elsewhere") {
  const std::string_view page = docs_html();
  CHECK(page.find("fetch(\"openapi.json\")") != page.npos);
  for (const char* external : {"http://", "https://", "src=", "<link", "@import", "url("})
    CHECK(page.find(external) == page.npos);
}

}  // namespace
}  // namespace winnow
