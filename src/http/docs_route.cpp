#include "http/docs_route.h"

namespace winnow {

HttpResponse get_openapi(const HttpRequest&, const Service&, Work&) {
  return ok(std::string(openapi_json()));
}

HttpResponse get_docs(const HttpRequest&, const Service&, Work&) {
  HttpResponse response;
  response.content_type = "text/html; charset=utf-8";
  response.body = docs_html();
  // The page is its own: nothing from elsewhere runs in it, whatever a model's answer holds.
  response.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
      "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  return response;
}

}  // namespace winnow
