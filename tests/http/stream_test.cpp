// Streamed answers over real sockets: a route of the test's own whose body the test writes.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>
#include <thread>

#include "http/body_pipe.h"
#include "http/chat_route.h"
#include "http/connection.h"
#include "http/dispatcher.h"
#include "http/fake_generation.h"

namespace winnow {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using test::FakeGeneration;
using test::Script;

std::shared_ptr<Script> the_script;  // of the request to come

HttpResponse post_scripted(const HttpRequest&, const Service&, Work& work) {
  ChatAnswer answer;
  answer.head = {"chatcmpl-1", "m", 7};
  return sse_response(chat_stream(answer, std::make_unique<FakeGeneration>(the_script), work));
}

HttpResponse post_plain(const HttpRequest&, const Service&, Work&) { return ok("{}"); }

constexpr std::array kRoutes{
    Route{"POST", "/stream", post_scripted, ErrorFamily::kGenerate, Counted::kRequests, false,
          true},
    Route{"POST", "/plain", post_plain, ErrorFamily::kGenerate, Counted::kRequests, false, true}};

// One connection after another, served by the parts of a server.
struct Rig {
  ServerOptions options;
  std::unique_ptr<Dispatcher> dispatcher;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  asio::ip::tcp::acceptor acceptor{io,
                                   asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)};
  std::weak_ptr<Connection> connection;  // the last of all
  std::vector<std::weak_ptr<Connection>> all;
  std::atomic<int> closed = 0;
  std::thread thread{[this] { io.run(); }};
  std::optional<Workers> workers{std::in_place};

  explicit Rig(ServerOptions o = {}) : options(std::move(o)) {
    the_script = std::make_shared<Script>();
    dispatcher = std::make_unique<Dispatcher>(options, std::vector<std::shared_ptr<Engine>>{},
                                              *workers, std::span<const Route>(kRoutes));
    dispatcher->set_ready(true);
  }
  // A connection that the loop leaves in the middle of its work holds itself: each ends first.
  ~Rig() {
    for (const auto& one : all)
      if (const auto open = one.lock()) open->cancel();
    const auto gone = [](const auto& one) { return one.expired(); };
    for (int i = 0; i < 5000 && !std::all_of(all.begin(), all.end(), gone); ++i)
      std::this_thread::sleep_for(2ms);
    workers.reset();
    io.stop();
    thread.join();
  }

  int connect(int receive_buffer = 0) {
    const int client = ::socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer > 0)
      ::setsockopt(client, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(acceptor.local_endpoint().port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    auto made =
        make_connection(acceptor.accept(asio::make_strand(io)), *dispatcher, [this] { ++closed; });
    connection = made;
    all.push_back(made);
    made->start();
    return client;
  }
};

std::string request(const std::string& path, const char* version = "1.1") {
  return cat("POST ", path, " HTTP/", version,
             "\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
}

void send(int socket, const std::string& bytes) {
  REQUIRE(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}

// Reads on until the text is there; false at the connection's end.
bool read_until(int socket, std::string& read, const std::string& wanted) {
  char buffer[4096];
  while (read.find(wanted) == read.npos) {
    const ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
    if (got <= 0) return false;
    read.append(buffer, static_cast<size_t>(got));
  }
  return true;
}

template <typename Wanted>
void wait_for(const Wanted& wanted) {
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (!wanted()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::sleep_for(2ms);
  }
}

TEST_CASE("each event is a chunk that arrives while the next is still to be made") {
  Rig rig;
  const int client = rig.connect();
  send(client, request("/stream"));
  std::string read;
  REQUIRE(read_until(client, read, "\"role\":\"assistant\""));
  CHECK(read.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(read.find("Transfer-Encoding: chunked\r\n") != read.npos);
  CHECK(read.find("Content-Type: text/event-stream; charset=utf-8\r\n") != read.npos);
  CHECK(read.find("X-Accel-Buffering: no\r\n") != read.npos);
  CHECK(read.find("Content-Length") == read.npos);
  the_script->say("Hel");
  REQUIRE(read_until(client, read, "{\"content\":\"Hel\"}"));
  the_script->say("lo");
  REQUIRE(read_until(client, read, "{\"content\":\"lo\"}"));
  the_script->finish();
  the_script->end();
  REQUIRE(read_until(client, read, "\r\n0\r\n\r\n"));
  CHECK(read.find("data: [DONE]\n\n\r\n0\r\n\r\n") != read.npos);
  size_t chunks = 0;  // role, two texts, the end, [DONE]
  for (size_t at = 0; (at = read.find("\r\ndata: ", at)) != read.npos; ++at) ++chunks;
  CHECK(chunks == 5);
  CHECK(the_script->destroyed);

  the_script = std::make_shared<Script>();  // the connection goes on
  read.clear();
  send(client, request("/plain"));
  REQUIRE(read_until(client, read, "{}"));
  ::close(client);
}

TEST_CASE("HTTP/1.0 gets a stream without chunks, up to the connection's end") {
  Rig rig;
  const int client = rig.connect();
  send(client, request("/stream", "1.0"));
  the_script->say("Hi");
  the_script->finish();
  the_script->end();
  std::string read;
  CHECK_FALSE(read_until(client, read, "never"));
  CHECK(read.find("chunked") == read.npos);
  CHECK(read.find("Connection: close\r\n") != read.npos);
  CHECK(read.ends_with("data: [DONE]\n\n"));
  ::close(client);
}

TEST_CASE("a client that leaves ends the generation at once, while it waits too") {
  Rig rig;
  const int client = rig.connect();
  send(client, request("/stream"));
  std::string read;
  REQUIRE(read_until(client, read, "assistant"));
  CHECK_FALSE(the_script->destroyed);
  ::close(client);
  wait_for([&] { return the_script->destroyed.load(); });
  wait_for([&] { return rig.closed == 1; });
}

TEST_CASE("a silent stream pings") {
  ServerOptions options;
  options.stream_ping = 50ms;
  Rig rig(options);
  const int client = rig.connect();
  send(client, request("/stream"));
  std::string read;
  REQUIRE(read_until(client, read, ": ping\n\n\r\n8\r\n: ping\n\n"));
  the_script->end();
  REQUIRE(read_until(client, read, "[DONE]"));
  ::close(client);
}

TEST_CASE("what fails inside a stream is an event, and the stream still ends") {
  Rig rig;
  const int client = rig.connect();
  send(client, request("/stream"));
  the_script->say("a");
  the_script->add([]() -> std::optional<Delta> { fail(Code::kDeadline, "too late"); });
  std::string read;
  REQUIRE(read_until(client, read, "\r\n0\r\n\r\n"));
  const size_t error =
      read.find(R"(data: {"error":{"message":"too late","type":"server_error","param":null,)");
  REQUIRE(error != read.npos);
  CHECK(read.find("data: [DONE]", error) != read.npos);
  ::close(client);
}

TEST_CASE("a slow reader stalls its own stream only, and gets all of it") {
  Rig rig;
  const int slow = rig.connect(/*receive_buffer=*/4096);
  const auto script = the_script;
  send(slow, request("/stream"));
  std::string read;
  REQUIRE(read_until(slow, read, "assistant"));
  constexpr int kEvents = 200;
  for (int i = 0; i < kEvents; ++i) script->say(std::string(100'000, 'a'));  // 20 MB
  script->finish();
  script->end();
  std::this_thread::sleep_for(100ms);
  {
    std::lock_guard lock(script->mutex);
    CHECK(script->steps.size() > kEvents / 4);  // what is read is not held in memory
  }
  the_script = std::make_shared<Script>();
  const int quick = rig.connect();
  send(quick, request("/plain"));
  std::string other;
  REQUIRE(read_until(quick, other, "{}"));

  size_t bytes = read.size();
  std::string tail = read;
  char buffer[65536];
  while (tail.find("\r\n0\r\n\r\n") == tail.npos) {
    const ssize_t got = ::recv(slow, buffer, sizeof buffer, 0);
    REQUIRE(got > 0);
    bytes += static_cast<size_t>(got);
    tail = tail.substr(tail.size() > 16 ? tail.size() - 16 : 0) +
           std::string(buffer, static_cast<size_t>(got));
  }
  CHECK(bytes > kEvents * 100'000);
  ::close(slow);
  ::close(quick);
}

TEST_CASE("a reader that stops is dropped in time, and its generation with it") {
  ServerOptions options;
  options.client_timeout = 200ms;
  options.slowest_client_bytes_per_s = 200'000'000;
  Rig rig(options);
  const int client = rig.connect(/*receive_buffer=*/4096);
  send(client, request("/stream"));
  for (int i = 0; i < 400; ++i) the_script->say(std::string(100'000, 'a'));
  wait_for([&] { return the_script->destroyed.load(); });
  wait_for([&] { return rig.closed == 1; });
  ::close(client);
}

TEST_CASE("a cancelled connection lets its stream say so, and ends") {
  Rig rig;
  const int client = rig.connect();
  send(client, request("/stream"));
  std::string read;
  REQUIRE(read_until(client, read, "assistant"));
  const auto connection = rig.connection.lock();
  REQUIRE(connection);
  connection->cancel();
  the_script->add(
      []() -> std::optional<Delta> { fail(Code::kCancelled, "the server is stopping"); });
  CHECK_FALSE(read_until(client, read, "never"));
  CHECK(read.find("the server is stopping") != read.npos);
  CHECK(read.ends_with("\r\n0\r\n\r\n"));
  ::close(client);
}

TEST_CASE("a pipe holds its writer back, and lets it go when the reader leaves") {
  BodyPipe pipe(/*most_bytes=*/4);
  CHECK(pipe.push("abcd"));
  std::atomic<int> pushed = 0;
  std::thread writer([&] {
    pushed += pipe.push("e");
    pushed += pipe.push(std::string(10, 'f'));  // fits: less than most waits
    pushed += pipe.push("g");                   // the reader has left
  });
  std::this_thread::sleep_for(20ms);
  CHECK(pushed == 0);
  CHECK(pipe.take().pieces == std::vector<std::string>{"abcd"});
  wait_for([&] { return pushed == 2; });
  pipe.leave();
  writer.join();
  CHECK(pushed == 2);
}

TEST_CASE("a pipe calls its reader once after a take that found nothing") {
  BodyPipe pipe;
  int called = 0;
  pipe.on_ready([&] { ++called; });
  pipe.push("a");
  CHECK(called == 0);
  CHECK(pipe.take().pieces.size() == 1);
  CHECK(pipe.take().pieces.empty());
  pipe.push("b");
  pipe.push("c", /*last=*/true);
  CHECK(called == 1);
  const BodyPipe::Taken taken = pipe.take();
  CHECK(taken.pieces.size() == 2);
  CHECK(taken.ended);
  CHECK(taken.whole);
}

}  // namespace
}  // namespace winnow
