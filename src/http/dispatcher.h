// From a request to its answer: finds the route, checks the key, admits, runs the route and answers
// for its errors. The one place of the server that counts, times and logs requests.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/metrics.h"
#include "http/models.h"
#include "http/route.h"
#include "http/status.h"
#include "http/workers.h"

namespace spdlog {
class logger;
}

namespace winnow {

struct Route {
  std::string_view method, path;  // a path that ends in '/' (but for "/") takes whatever follows
  Handler handler;                // null: the dispatcher's own, /metrics and /health
  ErrorFamily family = ErrorFamily::kTei;
  Counted counted = Counted::kNone;
  bool open = false;   // outside the API key check
  bool works = false;  // may take long: needs warm models, a permit and a thread; else it is served
                       // where it was read
};

// The route table.
std::span<const Route> routes();

// The route of a request; null when no route has that path, or none with that method: then `allow`
// gets the methods there are. HEAD is served as GET.
const Route* find_route(std::string_view method, std::string_view path, std::string& allow,
                        std::span<const Route> among = routes());

// The family that errors about a path have, whatever the method.
ErrorFamily family_of(std::string_view path);

// application/json or any other kind of JSON (application/problem+json), with or without
// parameters.
bool is_json_type(std::string_view content_type);

// Thread-safe.
class Dispatcher {
 public:
  using Done = std::function<void(HttpResponse)>;

  // The workers end before the dispatcher does. `table`: the routes, which outlive it.
  Dispatcher(ServerOptions options, std::vector<std::shared_ptr<Engine>> engines, Workers& workers,
             std::span<const Route> table = routes());

  // Calls `done` once with the answer: before it returns, or later from a worker's thread. An
  // answer with a pipe is its head; the thread then makes the body until its end or the reader's.
  void dispatch(HttpRequest request, Done done);

  // The answer to a request that its head alone condemns, before its body is read: a missing key.
  // Empty: read on.
  std::optional<HttpResponse> refuse_by_head(const HttpRequest& head);

  // The answer to what is no request, or not a whole one: 400, 408, 413, 431. `path` may be empty.
  HttpResponse refuse(int status, std::string_view path, std::string_view message);

  // Before it is ready, and again when it stops, model routes and /health are 503.
  void set_ready(bool ready) { ready_ = ready; }
  const ServerOptions& options() const { return options_; }
  std::atomic<int64_t>& connections() { return connections_; }

 private:
  struct Served;

  std::optional<HttpResponse> refuse_unserved(const Route& route, const HttpRequest& request);
  HttpResponse serve(const Route& route, const HttpRequest& request);
  HttpResponse run(const Route& route, const HttpRequest& request, Served& served);
  void finish(const Route& route, const Served& served, HttpResponse& response);
  void serve_apart(const Route& route, const HttpRequest& request, const Done& done);
  void pump(std::unique_ptr<BodyStream> stream, BodyPipe& pipe, const std::function<void()>& over);
  HttpResponse get_health() const;
  HttpResponse get_metrics() const;
  bool authorized(const Route& route, const HttpRequest& request) const;

  const ServerOptions options_;
  const std::span<const Route> table_;
  const Models models_;
  const Service service_;
  const std::shared_ptr<spdlog::logger> log_;
  Workers& workers_;
  Metrics metrics_;
  std::atomic<bool> ready_ = false;
  std::atomic<int64_t> in_hand_ = 0, connections_ = 0;
};

}  // namespace winnow
