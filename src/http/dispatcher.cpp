#include "http/dispatcher.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/json.h"
#include "base/utf8.h"
#include "http/body.h"
#include "http/body_pipe.h"
#include "http/chat_route.h"
#include "http/completions_route.h"
#include "http/docs_route.h"
#include "http/embed_route.h"
#include "http/embed_tokens_route.h"
#include "http/info_route.h"
#include "http/natural_route.h"
#include "http/openai_route.h"
#include "http/predict_route.h"
#include "http/ranking_route.h"
#include "http/rerank_route.h"
#include "http/score_route.h"
#include "http/tokenize_route.h"

namespace winnow {
namespace {

using Clock = std::chrono::steady_clock;

constexpr ErrorFamily kTei = ErrorFamily::kTei;
constexpr ErrorFamily kOpenai = ErrorFamily::kOpenai;
constexpr ErrorFamily kCohere = ErrorFamily::kCohere;
constexpr ErrorFamily kGenerate = ErrorFamily::kGenerate;
constexpr Counted kInputs = Counted::kInputs;
constexpr Counted kRequests = Counted::kRequests;

constexpr std::array kRoutes{
    Route{"POST", "/rerank", post_rerank, kTei, kInputs, false, true},
    Route{"POST", "/embed", post_embed, kTei, kInputs, false, true},
    Route{"POST", "/embed_sparse", post_embed_sparse, kTei, kInputs, false, true},
    Route{"POST", "/embed_all", post_embed_all, kTei, kInputs, false, true},
    Route{"POST", "/similarity", post_similarity, kTei, kInputs, false, true},
    Route{"POST", "/predict", post_predict, kTei, kInputs, false, true},
    Route{"POST", "/tokenize", post_tokenize, kTei, kRequests, false, true},
    Route{"POST", "/decode", post_decode, kTei, kRequests, false, true},
    Route{"POST", "/", post_natural, kTei, kInputs, false, true},
    Route{"POST", "/invocations", post_natural, kTei, kInputs, false, true},
    Route{"POST", "/v1/rerank", post_v1_rerank, kCohere, kInputs, false, true},
    Route{"POST", "/v2/rerank", post_v2_rerank, kCohere, kInputs, false, true},
    Route{"POST", "/score", post_score, kOpenai, kInputs, false, true},
    Route{"POST", "/v1/score", post_score, kOpenai, kInputs, false, true},
    Route{"POST", "/v1/embeddings", post_openai_embeddings, kOpenai, kInputs, false, true},
    Route{"POST", "/v1/chat/completions", post_chat_completions, kGenerate, kRequests, false, true},
    Route{"POST", "/v1/completions", post_completions, kGenerate, kRequests, false, true},
    Route{"POST", "/detokenize", post_detokenize, kTei, kRequests, false, true},
    Route{"POST", "/embeddings", post_openai_embeddings, kOpenai, kInputs, false, true},
    Route{"GET", "/v1/models", get_models, kOpenai},
    Route{"GET", "/v1/models/", get_model, kOpenai},
    Route{"GET", "/info", get_info},
    Route{.method = "GET", .path = "/", .handler = nullptr, .open = true},
    Route{.method = "GET", .path = "/health", .handler = nullptr, .open = true},
    Route{.method = "GET", .path = "/ping", .handler = nullptr, .open = true},
    Route{.method = "GET", .path = "/metrics", .handler = nullptr, .open = true},
    Route{.method = "GET", .path = "/docs", .handler = get_docs, .open = true},
    Route{.method = "GET", .path = "/openapi.json", .handler = get_openapi, .open = true},
    Route{.method = "GET", .path = "/api-doc/openapi.json", .handler = get_openapi, .open = true},
};

// What is counted under no route of the table.
constexpr Route kUnrouted{.method = "", .path = "other", .handler = nullptr};

bool has_path(const Route& route, std::string_view path) {
  const bool takes_more = route.path.size() > 1 && route.path.ends_with('/');
  return takes_more ? path.starts_with(route.path) && path.size() > route.path.size()
                    : path == route.path;
}

// Compares in a time that depends on the lengths alone: a key cannot be guessed byte by byte.
bool same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= a[i] ^ b[i];
  return difference == 0;
}

// A client's text, fit for a line of the log.
std::string quoted(std::string_view text) {
  return JsonWriter().value(repair_utf8(text.substr(0, 200))).take();
}

std::string milliseconds(double seconds) {
  return std::to_string(static_cast<int64_t>(std::llround(seconds * 1e3)));
}

int64_t unix_seconds() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

std::shared_ptr<spdlog::logger> stderr_logger() {
  if (auto logger = spdlog::get("winnow")) return logger;
  return spdlog::stderr_color_mt("winnow");
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

const Route* find_route(std::string_view method, std::string_view path, std::string& allow,
                        std::span<const Route> among) {
  const std::string_view wanted = method == "HEAD" ? "GET" : method;
  allow.clear();
  for (const Route& route : among) {
    if (!has_path(route, path)) continue;
    if (route.method == wanted) return &route;
    allow += cat(allow.empty() ? "" : ", ", route.method, route.method == "GET" ? ", HEAD" : "");
  }
  return nullptr;
}

ErrorFamily family_of(std::string_view path) {
  for (const Route& route : kRoutes)
    if (has_path(route, path)) return route.family;
  return path.starts_with("/v1/") ? kOpenai : kTei;
}

bool is_json_type(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  for (char& c : type)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return type == "application/json" ||
         (type.starts_with("application/") && type.ends_with("+json"));
}

// A request being served, and how that went.
struct Dispatcher::Served {
  explicit Served(const HttpRequest& http) : request(http) {}

  const HttpRequest& request;
  Clock::time_point start = Clock::now();
  Work work;
  std::string failure_text;  // for the log
  std::string_view failure;  // TEI's word; empty: none
};

Dispatcher::Dispatcher(ServerOptions options, std::vector<std::shared_ptr<Engine>> engines,
                       Workers& workers, std::span<const Route> table)
    : options_(std::move(options)),
      table_(table),
      models_(engines),
      service_{options_, models_, unix_seconds()},
      log_(stderr_logger()),
      workers_(workers),
      metrics_(engines) {}

void Dispatcher::dispatch(HttpRequest request, Done done) {
  std::string allow;
  const Route* route = find_route(request.method, request.path, allow, table_);
  if (!route) {
    HttpResponse response =
        allow.empty() ? refuse(404, request.path, cat("no route ", request.path))
                      : refuse(405, request.path, cat("want ", allow, ", got ", request.method));
    if (!allow.empty()) response.headers.emplace_back("Allow", allow);
    return done(std::move(response));
  }
  if (std::optional<HttpResponse> refused = refuse_unserved(*route, request))
    return done(std::move(*refused));
  if (!route->works) return done(serve(*route, request));

  // A function object must be copyable, a request's body had better not be copied.
  auto shared = std::make_shared<HttpRequest>(std::move(request));
  try {
    workers_.run([this, route, shared, done] { serve_apart(*route, *shared, done); });
  } catch (const Error& error) {  // no thread
    --in_hand_;
    done(error_response(route->family, error.code(), error.what()));
  }
}

std::optional<HttpResponse> Dispatcher::refuse_by_head(const HttpRequest& head) {
  std::string allow;
  const Route* route = find_route(head.method, head.path, allow, table_);
  if (!route || authorized(*route, head)) return std::nullopt;
  Served served(head);
  served.failure = "validation";
  served.failure_text = "want a valid API key";
  HttpResponse response = status_response(route->family, 401, "Validation", "invalid API key");
  if (route->family == kTei || route->family == kOpenai) response.body.clear();
  response.headers.emplace_back("WWW-Authenticate", "Bearer");
  finish(*route, served, response);
  return response;
}

std::optional<HttpResponse> Dispatcher::refuse_unserved(const Route& route,
                                                        const HttpRequest& request) {
  if (std::optional<HttpResponse> refused = refuse_by_head(request)) return refused;
  if (!route.works) return std::nullopt;
  Served served(request);
  std::optional<HttpResponse> response;
  if (!is_json_type(request.content_type)) {
    served.failure = "validation";
    served.failure_text = cat("want Content-Type: application/json, got ",
                              request.content_type.empty() ? "none" : request.content_type);
    response = status_response(route.family, 415, "Validation", served.failure_text);
  } else if (!ready_) {
    served.failure = "overloaded";
    served.failure_text = "unhealthy";
    response = status_response(route.family, 503, "Unhealthy", served.failure_text);
  } else if (++in_hand_ > options_.max_concurrent_requests) {
    --in_hand_;
    served.failure = "overloaded";
    served.failure_text = cat(options_.max_concurrent_requests, " requests are in work");
    response = error_response(route.family, Code::kOverloaded, served.failure_text);
  }
  if (response) finish(route, served, *response);
  return response;
}

HttpResponse Dispatcher::refuse(int status, std::string_view path, std::string_view message) {
  HttpRequest request;
  request.path = path;
  Served served(request);
  served.failure_text = message;
  HttpResponse response = status_response(family_of(path), status, "Validation", message);
  finish(kUnrouted, served, response);
  return response;
}

HttpResponse Dispatcher::serve(const Route& route, const HttpRequest& request) {
  Served served(request);
  HttpResponse response = run(route, request, served);
  finish(route, served, response);
  return response;
}

// On a worker's thread.
void Dispatcher::serve_apart(const Route& route, const HttpRequest& request, const Done& done) {
  Served served(request);
  HttpResponse response = run(route, request, served);
  // Before the client can know that it is over: its next request must find the permit.
  const auto over = [&](HttpResponse& head) {
    if (served.work.error && served.failure.empty())
      served.failure = tei_failure(*served.work.error, false);
    finish(route, served, head);
    --in_hand_;
  };
  if (!response.stream) {
    over(response);
    return done(std::move(response));
  }
  const auto pipe = std::make_shared<BodyPipe>();
  std::unique_ptr<BodyStream> stream = std::move(response.stream);
  HttpResponse head;  // for the count: the other one is sent by then
  head.status = response.status;
  response.pipe = pipe;
  done(std::move(response));
  pump(std::move(stream), *pipe, [&] { over(head); });
}

// Calls `over` once the stream is gone, and before its last piece can be read.
void Dispatcher::pump(std::unique_ptr<BodyStream> stream, BodyPipe& pipe,
                      const std::function<void()>& over) {
  constexpr double kLook_s = 0.1;  // how often a silent stream sees that its reader has left
  constexpr std::string_view kPing = ": ping\n\n";
  Clock::time_point said = Clock::now();
  BodyStream::Piece piece;
  while (!pipe.left()) {
    if (!stream->wait_for(kLook_s)) {
      if (Clock::now() - said < options_.stream_ping) continue;
      piece.bytes = kPing;
    } else {
      piece = stream->next();
      if (piece.last) break;
      if (piece.bytes.empty()) continue;
    }
    if (!pipe.push(std::move(piece.bytes))) break;
    said = Clock::now();
  }
  stream.reset();
  over();
  if (!piece.last)
    pipe.end();
  else
    pipe.push(std::move(piece.bytes), /*last=*/true);
}

// The border that no exception of a route passes.
HttpResponse Dispatcher::run(const Route& route, const HttpRequest& request, Served& served) {
  const auto failed = [&](Code code, bool too_many_inputs, std::string_view message) {
    served.failure = tei_failure(code, too_many_inputs);
    served.failure_text = message;
    served.work.error = code;
    return error_response(route.family, code, message);
  };
  try {
    if (!route.handler) return route.path == "/metrics" ? get_metrics() : get_health();
    HttpResponse response = route.handler(request, service_, served.work);
    if (served.work.error) served.failure = tei_failure(*served.work.error, false);
    return response;
  } catch (const TooManyInputs& error) {
    return failed(error.code(), true, error.what());
  } catch (const Error& error) {
    return failed(error.code(), false, error.what());
  } catch (const std::bad_alloc&) {
    return failed(Code::kOverloaded, false, "out of memory");
  } catch (const std::exception& error) {
    return failed(Code::kInternal, false, error.what());
  }
}

void Dispatcher::finish(const Route& route, const Served& served, HttpResponse& response) {
  const double seconds = std::chrono::duration<double>(Clock::now() - served.start).count();
  const Work& work = served.work;
  metrics_.count({route.path, route.counted, response.status, seconds, served.failure}, work);

  if (route.counted == Counted::kInputs && served.failure.empty()) {
    const CallTimes& times = work.times;
    for (auto& [name, value] : std::array<std::pair<const char*, std::string>, 8>{{
             {"x-compute-type", "cpu"},
             {"x-compute-time", milliseconds(seconds)},
             {"x-compute-characters", std::to_string(times.characters)},
             {"x-compute-tokens", std::to_string(times.tokens)},
             {"x-total-time", milliseconds(seconds)},
             {"x-tokenization-time", milliseconds(times.tokenize)},
             {"x-queue-time", milliseconds(times.queue)},
             {"x-inference-time", milliseconds(times.compute)},
         }})
      response.headers.emplace_back(name, std::move(value));
  }

  for (const std::string& warning : work.warnings)
    log_->warn("{}: {}", route.path, quoted(warning));
  // The server's own failures are for its keeper to see; a client's mistakes are the client's.
  const bool ours = response.status == 424 || response.status >= 500;
  if (ours && response.status != 503 && response.status != 504)
    log_->warn("{}: {} {}", route.path, response.status, quoted(served.failure_text));
  if (!log_->should_log(spdlog::level::debug)) return;
  log_->debug("{} {} {} {:.1f} ms, {} inputs, {} refused, {} tokens, model {}{}",
              served.request.method, quoted(served.request.path), response.status, seconds * 1e3,
              work.inputs, work.refused, work.times.tokens, work.model ? work.model->name : "-",
              served.failure_text.empty() ? "" : ": " + quoted(served.failure_text));
}

HttpResponse Dispatcher::get_health() const {
  if (ready_) {
    HttpResponse response;
    response.content_type.clear();
    return response;
  }
  return status_response(kTei, 503, "Unhealthy", "unhealthy");
}

HttpResponse Dispatcher::get_metrics() const {
  HttpResponse response;
  response.content_type = "text/plain; version=0.0.4";
  response.body = metrics_.text({in_hand_, connections_, ready_});
  return response;
}

bool Dispatcher::authorized(const Route& route, const HttpRequest& request) const {
  constexpr std::string_view kScheme = "Bearer ";
  if (options_.api_key.empty() || route.open) return true;
  const std::string_view given = request.authorization;
  return given.starts_with(kScheme) && same_secret(given.substr(kScheme.size()), options_.api_key);
}

}  // namespace winnow
