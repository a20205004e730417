// A route: what every route file gives the dispatcher, and what it gets from it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "http/message.h"
#include "http/models.h"
#include "http/server.h"

namespace winnow {

// What the routes share; outlives every request.
struct Service {
  const ServerOptions& options;
  const Models& models;
  int64_t started_s;  // when the server began, in seconds of the Unix epoch
};

// Serves a request. Throws Error; the dispatcher answers with it. Notes what it learns in `work`.
using Handler = HttpResponse (*)(const HttpRequest& http, const Service& service, Work& work);

inline HttpResponse ok(std::string json) {
  HttpResponse response;
  response.body = std::move(json);
  return response;
}

}  // namespace winnow
