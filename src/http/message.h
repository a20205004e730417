// What passes between a connection, the dispatcher and a route. Plain data; no socket and no
// library in sight.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
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

// A body that is made while it is sent. Used by one thread at a time; destroying it ends what
// makes it. It may use the request, the service and the Work of its route until then.
class BodyStream {
 public:
  struct Piece {
    std::string bytes;  // empty: nothing to show yet
    bool last = false;  // nothing comes after it
  };
  virtual ~BodyStream() = default;

  // Waits at most so long; true when next() will not block. Throws nothing.
  virtual bool wait_for(double seconds) = 0;

  // The next piece: what a client should see at once (an event). Blocks. Throws nothing: what fails
  // once the head is sent can only be told in the body.
  virtual Piece next() = 0;
};

class BodyPipe;

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // beside the ones every answer has
  std::unique_ptr<BodyStream> stream;  // of a route: the body, in place of the one above
  std::shared_ptr<BodyPipe> pipe;      // of the dispatcher: where the stream's pieces arrive
};

// What a generation did, for /metrics.
struct GenerationWork {
  GenerateUsage usage;
  int choices = 0, max_tokens = 0;  // as asked
  int stopped = 0, cut = 0;         // choices that ended of themselves, and at a limit
  std::optional<double> first_s;    // until the first text
  std::vector<double> between_s;    // from each piece of text to the next
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
  std::optional<GenerationWork> generation;
  std::optional<Code> error;  // why the request failed
};

}  // namespace winnow
