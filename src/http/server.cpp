#include "http/server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "http/connection.h"
#include "http/dispatcher.h"

namespace winnow {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kIoThreads =
    2;  // sockets and parsing of heads; bodies are parsed where they are served
constexpr std::chrono::milliseconds kAcceptPause{50};  // when the system has no more sockets
constexpr std::chrono::milliseconds kCancelPatience{5000};

}  // namespace

// The order is that of destruction, last first: the workers end, whose answers go to `io`; `io`
// drops the connections, which use the rest.
struct Server::Parts {
  std::mutex mutex;
  std::condition_variable changed;
  std::unordered_map<uint64_t, std::weak_ptr<Connection>> connections;
  uint64_t next_connection = 0;
  bool draining = false, hurrying = false;

  Dispatcher dispatcher;
  asio::io_context io{kIoThreads};
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  asio::strand<asio::io_context::executor_type> accepting{io.get_executor()};
  tcp::acceptor acceptor{accepting};
  asio::steady_timer pause{accepting};
  asio::signal_set signals{io};
  int port = 0;
  std::vector<std::thread> threads;
  Workers workers;

  Parts(ServerOptions options, std::vector<std::shared_ptr<Engine>> engines)
      : dispatcher(std::move(options), std::move(engines), workers) {}

  void accept();
  void serve(tcp::socket socket);
  void wait_for_signal();
  void end(std::chrono::milliseconds patience);
  void for_each_connection(void (Connection::*call)());
};

void Server::Parts::accept() {
  acceptor.async_accept(asio::make_strand(io), [this](error_code error, tcp::socket socket) {
    if (!acceptor.is_open()) return;
    if (!error) {
      serve(std::move(socket));
      return accept();
    }
    pause.expires_after(kAcceptPause);
    pause.async_wait([this](error_code stopped) {
      if (!stopped && acceptor.is_open()) accept();
    });
  });
}

void Server::Parts::serve(tcp::socket socket) {
  if (dispatcher.connections() >= dispatcher.options().max_connections) return;  // closes it
  std::unique_lock lock(mutex);
  const uint64_t id = next_connection++;
  auto connection = make_connection(std::move(socket), dispatcher, [this, id] {
    std::lock_guard lock(mutex);
    connections.erase(id);
    changed.notify_all();
  });
  connections.emplace(id, connection);
  lock.unlock();
  connection->start();
}

void Server::Parts::wait_for_signal() {
  signals.async_wait([this](error_code error, int) {
    if (error) return;
    {
      std::lock_guard lock(mutex);
      (draining ? hurrying : draining) = true;
      changed.notify_all();
    }
    wait_for_signal();
  });
}

void Server::Parts::for_each_connection(void (Connection::*call)()) {
  std::vector<std::shared_ptr<Connection>>
      alive;  // not called under the lock: the last owner takes it
  {
    std::lock_guard lock(mutex);
    for (const auto& [id, weak] : connections)
      if (auto connection = weak.lock()) alive.push_back(std::move(connection));
  }
  for (const auto& connection : alive) (connection.get()->*call)();
}

void Server::Parts::end(std::chrono::milliseconds patience) {
  dispatcher.set_ready(false);
  asio::post(accepting, [this] {
    error_code ignored;
    acceptor.close(ignored);
    pause.cancel();
  });
  for_each_connection(&Connection::drain);
  const auto none = [&] { return connections.empty(); };
  {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, patience, [&] { return none() || hurrying; });
  }
  for_each_connection(&Connection::cancel);
  {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, kCancelPatience, none);
  }
  io.stop();
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

Server::Server(ServerOptions options, std::vector<std::shared_ptr<Engine>> engines) {
  require(!engines.empty(), "serve: want a model, got none");
  parts_ = std::make_unique<Parts>(std::move(options), std::move(engines));
}

Server::~Server() {
  if (!parts_->threads.empty()) parts_->end(std::chrono::milliseconds(0));
}

void Server::listen() {
  const ServerOptions& options = parts_->dispatcher.options();
  tcp::acceptor& acceptor = parts_->acceptor;
  try {
    tcp::resolver resolver(parts_->io);
    const tcp::endpoint endpoint =
        *resolver.resolve(options.host, std::to_string(options.port)).begin();
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    acceptor.bind(endpoint);
    acceptor.listen(asio::socket_base::max_listen_connections);
    parts_->port = acceptor.local_endpoint().port();
  } catch (const boost::system::system_error& error) {
    fail(Code::kIo, "listen: want ", options.host, ':', options.port, ", got ",
         error.code().message());
  }
  // From here on, not from run(): who reads the port may send a signal at once.
  parts_->signals.add(SIGTERM);
  parts_->signals.add(SIGINT);
  parts_->wait_for_signal();
  parts_->accept();
  for (int i = 0; i < kIoThreads; ++i)
    parts_->threads.emplace_back([io = &parts_->io] { io->run(); });
}

int Server::port() const { return parts_->port; }

void Server::set_ready() { parts_->dispatcher.set_ready(true); }

void Server::run() {
  {
    std::unique_lock lock(parts_->mutex);
    parts_->changed.wait(lock, [&] { return parts_->draining; });
  }
  parts_->end(parts_->dispatcher.options().drain_timeout);
}

void Server::drain() {
  std::lock_guard lock(parts_->mutex);
  parts_->draining = true;
  parts_->changed.notify_all();
}

}  // namespace winnow
