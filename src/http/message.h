// What passes between a connection, the dispatcher and a route. Plain data; no socket and no
// library in sight.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"

namespace winnow {

struct HttpRequest {
  std::string method;  // "POST"
  std::string path;    // without the query, percent-decoded
  std::string body;
  std::string content_type, authorization;
  std::optional<std::chrono::milliseconds> timeout;  // X-Request-Timeout-Ms
  Call call;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // beside the ones every answer has
};

// What a route learns of a request while it serves it, for the dispatcher to count and log: valid
// too when it throws.
struct Work {
  const ModelInfo* model = nullptr;  // that was chosen
  int64_t inputs = 0;                // texts of the request
  int64_t refused = 0;               // of these, answered with an error of their own
  bool batch = false;                // the body held a list
  CallTimes times;
  std::vector<std::string> warnings;
  std::optional<Code> error;  // why the request failed
};

}  // namespace winnow
