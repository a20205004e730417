// The server in this process, over real sockets, with a tiny model: what sanitizers should see.
#include "http/server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "http/throws.h"

namespace winnow {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;  // for what must come; only a failure waits for it

std::shared_ptr<Engine> tiny_reranker() {
  EngineOptions options;
  options.folder = std::string(WINNOW_TEST_DATA) + "/tiny-bert-reranker";
  options.threads = 1;
  return Engine::load(options);
}

// A server that runs in a thread of its own until the end of the test.
struct Running {
  Server server;
  std::thread thread;

  explicit Running(ServerOptions options, bool ready = true)
      : server(any_port(std::move(options)), {tiny_reranker()}) {
    server.listen();
    if (ready) server.set_ready();
    thread = std::thread([this] { server.run(); });
  }
  ~Running() {
    server.drain();
    thread.join();
  }
  static ServerOptions any_port(ServerOptions options) {
    options.port = 0;
    return options;
  }
};

// A client's socket; blocks, but not for ever.
class Client {
 public:
  explicit Client(int port, int receive_buffer = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0)
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool connected() const { return connected_; }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      REQUIRE(sent > 0);
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

  // The next answer's head and body; empty at the end of the connection.
  std::string answer() {
    size_t head = std::string::npos, size = 0;
    for (;;) {
      if (head == std::string::npos && (head = read_.find("\r\n\r\n")) != std::string::npos) {
        const size_t length = read_.find("Content-Length: ");
        size = head + 4 + std::stoul(read_.substr(length + 16));
      }
      if (head != std::string::npos && read_.size() >= size) break;
      char buffer[65536];
      const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
      if (got <= 0) return "";
      read_.append(buffer, static_cast<size_t>(got));
    }
    std::string answer = read_.substr(0, size);
    read_.erase(0, size);
    return answer;
  }

 private:
  int socket_;
  bool connected_;
  std::string read_;
};

std::string post(const std::string& path, const std::string& body) {
  return cat("POST ", path,
             " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ",
             body.size(), "\r\n\r\n", body);
}

const std::string kGetHealth = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

std::string rerank_body(int texts, const std::string& text, const std::string& more = "") {
  std::string body = R"({"query":"a cat","texts":[)";
  for (int i = 0; i < texts; ++i) body += cat(i ? "," : "", '"', i, ' ', text, '"');
  return body + "]" + more + "}";
}

// Long enough to be found in work.
std::string busy_body(int documents = 3000) {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "the cat sat ";
  return rerank_body(documents, text);
}

std::string ask(int port, const std::string& request) {
  Client client(port);
  REQUIRE(client.connected());
  client.send(request);
  return client.answer();
}

bool ok(const std::string& answer) { return answer.starts_with("HTTP/1.1 200 "); }

double metric(int port, const std::string& name) {
  const std::string text = ask(port, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
  const size_t at = text.find("\n" + name + ' ');
  return at == text.npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

void wait_for(const std::function<bool()>& wanted) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!wanted()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(5ms);
  }
}

TEST_CASE("a server is unhealthy until it is ready") {
  Running running({}, /*ready=*/false);
  const int port = running.server.port();
  CHECK(ask(port, kGetHealth).starts_with("HTTP/1.1 503 "));
  CHECK(ask(port, post("/rerank", rerank_body(1, "a"))).starts_with("HTTP/1.1 503 "));
  running.server.set_ready();
  CHECK(ok(ask(port, kGetHealth)));
  CHECK(ok(ask(port, post("/rerank", rerank_body(1, "a")))));
}

TEST_CASE("requests sent ahead are answered in order on one connection") {
  Running running({});
  Client client(running.server.port());
  client.send(post("/rerank", rerank_body(40, "the cat sat")) + kGetHealth +
              post("/rerank", "nonsense"));
  CHECK(ok(client.answer()));
  CHECK(ok(client.answer()));
  CHECK(client.answer().starts_with("HTTP/1.1 400 "));
  client.send(kGetHealth);
  CHECK(ok(client.answer()));
}

TEST_CASE("many clients at once get the bits that one client gets") {
  Running running({});
  const int port = running.server.port();
  const auto body_of = [](const std::string& answer) {
    return answer.substr(answer.find("\r\n\r\n"));
  };
  const std::string request = post("/rerank", rerank_body(5, "the cat sat on a mat"));
  const std::string expected = body_of(ask(port, request));
  std::mutex mutex;
  std::set<std::string> seen;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10; ++i) {
        std::string body = body_of(ask(port, request));
        std::lock_guard lock(mutex);
        seen.insert(std::move(body));
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(seen == std::set<std::string>{expected});
}

TEST_CASE("a client that does not take its answer is dropped") {
  ServerOptions options;
  options.client_timeout = 200ms;
  options.slowest_client_bytes_per_s = 200'000'000;
  Running running(options);
  const int port = running.server.port();
  Client client(port, /*receive_buffer=*/4096);
  // 16 MB come back, more than the sockets' buffers hold.
  client.send(
      post("/rerank", rerank_body(160, std::string(100'000, 'a'), R"(,"return_text":true)")));
  wait_for([&] { return metric(port, "te_predict_success") == 160; });
  wait_for([&] { return metric(port, "winnow_connections") == 1; });  // the one that asks
}

TEST_CASE("a client that stops within a request is answered 408") {
  ServerOptions options;
  options.client_timeout = 100ms;
  Running running(options);
  for (const char* part : {"POST /rer", "POST /rerank HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"}) {
    const std::string answer = ask(running.server.port(), part);
    CHECK(answer.starts_with("HTTP/1.1 408 "));
    CHECK(answer.find("Connection: close") != answer.npos);
  }
}

TEST_CASE("an idle connection is closed in time") {
  ServerOptions options;
  options.idle_timeout = 100ms;
  Running running(options);
  Client client(running.server.port());
  client.send(kGetHealth);
  CHECK(ok(client.answer()));
  CHECK(client.answer().empty());
}

TEST_CASE("a connection too many is closed at once") {
  ServerOptions options;
  options.max_connections = 1;
  Running running(options);
  Client first(running.server.port());
  first.send(kGetHealth);
  CHECK(ok(first.answer()));
  Client second(running.server.port());
  CHECK(second.answer().empty());
}

TEST_CASE("a client that goes away takes its waiting work with it") {
  Running running({});
  const int port = running.server.port();
  {
    Client client(port);
    client.send(post("/rerank", busy_body()));
    wait_for([&] { return metric(port, "te_queue_size") > 0; });
  }
  wait_for([&] { return metric(port, "winnow_requests_in_hand") == 0; });
  CHECK(metric(port, "te_queue_size") == 0);
  CHECK(metric(port, "te_predict_success") == 0);
}

TEST_CASE("a drain finishes the work in hand and ends the server") {
  ServerOptions options;
  options.drain_timeout = 300s;  // a busy machine under sanitizers takes longer than the default
  Running running(options);
  const int port = running.server.port();
  Client idle(port), busy(port);
  idle.send(kGetHealth);
  CHECK(ok(idle.answer()));
  busy.send(post("/rerank", busy_body(800)));
  wait_for([&] { return metric(port, "winnow_requests_in_hand") == 1; });
  running.server.drain();
  CHECK(idle.answer().empty());
  const std::string answer = busy.answer();
  CHECK(ok(answer));
  CHECK(answer.find("Connection: close") != answer.npos);
  wait_for([&] { return !Client(port).connected(); });
}

TEST_CASE("a drain that has waited long enough cancels, and says so") {
  ServerOptions options;
  options.drain_timeout = 0ms;
  Running running(options);
  const int port = running.server.port();
  Client busy(port);
  busy.send(post("/rerank", busy_body()));
  wait_for([&] { return metric(port, "te_queue_size") > 0; });
  running.server.drain();
  CHECK(busy.answer().starts_with("HTTP/1.1 503 "));
}

TEST_CASE("a server that never ran ends with its work in hand") {
  ServerOptions options;
  options.port = 0;
  std::optional<Client> busy;
  {
    Server server(options, {tiny_reranker()});
    server.listen();
    server.set_ready();
    busy.emplace(server.port());
    busy->send(post("/rerank", busy_body()));
    wait_for([&] { return metric(server.port(), "te_queue_size") > 0; });
  }
  CHECK(busy->answer().starts_with("HTTP/1.1 503 "));
}

TEST_CASE("a port in use is named") {
  Running running({});
  ServerOptions options;
  options.port = running.server.port();
  Server second(options, {tiny_reranker()});
  test::check_throws(Code::kIo, cat("127.0.0.1:", options.port), [&] { second.listen(); });
}

TEST_CASE("a server without a model is refused") {
  test::check_throws(Code::kInvalidArgument, "want a model", [] { Server({}, {}); });
}

}  // namespace
}  // namespace winnow
