// The HTTP server: TEI's, Cohere's, Jina's and OpenAI's routes over one or more engines.
// docs/http_api.md has the routes.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"

namespace winnow {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 3000;  // 0: any free one, see Server::port

  // Requests in work at a time; one more is answered 429 with Retry-After. A request counts as one,
  // whatever it holds.
  int max_concurrent_requests = 512;
  // Open sockets; one more is closed at once.
  int max_connections = 4096;
  // Of a body (413). TEI's 2 MB refuses 10,000 passages.
  int64_t payload_limit_bytes = 32'000'000;
  // Of a request's head (431).
  int64_t header_limit_bytes = 16'384;
  // Inputs of one request (422). TEI's 32 is a frequent first failure.
  int max_client_batch_size = 10'000;

  // Of a request's work (504); 0: none. A client may ask for less with X-Request-Timeout-Ms.
  std::chrono::milliseconds request_timeout{0};
  // For a client to send a request (408) or to take an answer, and the rate that earns it more.
  std::chrono::milliseconds client_timeout{30'000};
  int64_t slowest_client_bytes_per_s = 64'000;
  // Between the requests of a connection.
  std::chrono::milliseconds idle_timeout{75'000};
  // A streamed answer that has nothing to say for so long says ": ping", so that neither the client
  // nor what stands between takes the connection for dead.
  std::chrono::milliseconds stream_ping{10'000};
  // For the work in hand after drain; then it is cancelled.
  std::chrono::milliseconds drain_timeout{30'000};

  // Not empty: wanted as `Authorization: Bearer KEY`, else 401.
  std::string api_key;
  // Cut what is too long, where a request does not say.
  bool auto_truncate = true;
  // Of /v1/rerank, where a request does not say; Jina's own default is true.
  bool return_documents = false;
  // /v1/rerank answers as SGLang does: a bare list, with the documents unless a request says not.
  bool sglang = false;
  // Unknown fields of /v1/rerank and /v2/rerank are 422, as Cohere does.
  bool strict = false;
};

// Thread-safe. Serves from listen() to the end of run(); answers 503 to model routes until
// set_ready().
class Server {
 public:
  // The first engine of a route's kind serves requests that name no model. Observes the engines, so
  // before any call.
  Server(ServerOptions options, std::vector<std::shared_ptr<Engine>> engines);
  ~Server();  // drains with no patience: cancels what is in hand
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Binds, listens, starts the threads and takes SIGTERM and SIGINT: the first drains, a second
  // cancels what is in hand. Throws kIo naming host and port when the system refuses.
  void listen();
  int port() const;  // the bound port; 0 before listen()

  void set_ready();  // warm-up is done

  // Blocks until a drain has ended.
  void run();

  // Stops accepting, closes idle connections, finishes what is in hand within drain_timeout.
  // Returns at once.
  void drain();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace winnow
