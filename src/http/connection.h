// One client's connection: reads requests, hands them to the dispatcher, writes answers in order.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>

#include "http/dispatcher.h"

namespace winnow {

// Thread-safe: each call goes to the connection's strand. Lives until its socket is closed and its
// request answered.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void start() = 0;
  virtual void drain() = 0;   // closes it once it has answered what it has begun to read
  virtual void cancel() = 0;  // cancels its request and closes it
};

// The socket's executor must be a strand; the dispatcher must outlive the connection. Calls
// `closed` once, last.
std::shared_ptr<Connection> make_connection(boost::asio::ip::tcp::socket socket,
                                            Dispatcher& dispatcher, std::function<void()> closed);

}  // namespace winnow
