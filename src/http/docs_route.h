// GET /openapi.json and /docs: the server's description, and a page that shows it and tries its
// routes. Both are files of src/http/pages that the program carries; the page loads nothing but
// /openapi.json.
#pragma once

#include <string_view>

#include "http/route.h"

namespace winnow {

std::string_view openapi_json();
std::string_view docs_html();

HttpResponse get_openapi(const HttpRequest& http, const Service& service, Work& work);
HttpResponse get_docs(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
