#include "http/connection.h"

#include <atomic>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <optional>
#include <sstream>

#include "http/body_pipe.h"
#include "http/request_head.h"

namespace winnow {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;

// What a client may send ahead while a request is served; then its socket is left alone.
constexpr size_t kAheadBytes = 64 << 10;
constexpr milliseconds kLinger{2000};

// Every handler runs on the socket's strand, so nothing here is locked. At any time at most one
// read is pending; while a request is served that read watches for the client's end.
class HttpConnection final : public Connection,
                             public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(asio::ip::tcp::socket socket, Dispatcher& dispatcher, std::function<void()> closed)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        dispatcher_(dispatcher),
        closed_(std::move(closed)) {
    ++dispatcher_.connections();
  }

  ~HttpConnection() override {
    if (pipe_) pipe_->leave();
    --dispatcher_.connections();
    closed_();
  }

  void start() override {
    on_strand([this] {
      error_code ignored;
      socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
      wait_for_request();
    });
  }

  void drain() override {
    on_strand([this] {
      draining_ = true;
      if (state_ == State::kIdle) close();
    });
  }

  void cancel() override {
    on_strand([this] {
      draining_ = true;
      hurrying_ = true;
      if (cancelled_) cancelled_->store(true);
      if (state_ == State::kStreaming) return arm(kLinger);  // for the stream to say so
      if (state_ != State::kHandling) close();
    });
  }

 private:
  enum class State { kIdle, kReading, kHandling, kWriting, kStreaming, kLingering, kClosed };
  using Self = std::shared_ptr<HttpConnection>;

  template <typename Function>
  void on_strand(Function function) {
    asio::dispatch(socket_.get_executor(),
                   [self = shared_from_this(), function]() mutable { function(); });
  }

  void wait_for_request() {
    if (buffer_.size() > 0) return read_head();  // sent ahead
    if (draining_) return close();
    state_ = State::kIdle;
    arm(dispatcher_.options().idle_timeout);
    socket_.async_read_some(buffer_.prepare(16 << 10),
                            [self = shared_from_this()](error_code error, size_t bytes) {
                              self->buffer_.commit(bytes);
                              if (self->state_ == State::kClosed) return;
                              if (error) return self->close();
                              self->read_head();
                            });
  }

  void read_head() {
    state_ = State::kReading;
    const ServerOptions& options = dispatcher_.options();
    parser_.emplace();
    parser_->header_limit(static_cast<uint32_t>(options.header_limit_bytes));
    parser_->body_limit(static_cast<uint64_t>(options.payload_limit_bytes));
    head_ = {};
    is_head_request_ = false;
    keep_alive_ = false;  // until the whole request is read
    arm(options.client_timeout);
    http::async_read_header(
        socket_, buffer_, *parser_,
        [self = shared_from_this()](error_code error, size_t) { self->on_head(error); });
  }

  void on_head(error_code error) {
    if (state_ == State::kClosed) return;
    const auto& message = parser_->get();
    const auto text = [](beast::string_view s) { return std::string(s.data(), s.size()); };
    head_.method = text(message.method_string());
    head_.path = path_of_target({message.target().data(), message.target().size()});
    head_.content_type = text(message[http::field::content_type]);
    head_.authorization = text(message[http::field::authorization]);
    is_head_request_ = head_.method == "HEAD";
    if (error) return refuse(error);

    const std::string timeout = text(message["X-Request-Timeout-Ms"]);
    if (!timeout.empty() && !(head_.timeout = timeout_of_header(timeout)))
      return answer(dispatcher_.refuse(400, head_.path,
                                       "X-Request-Timeout-Ms: want 1 to 86400000, got " + timeout));
    if (auto refused = dispatcher_.refuse_by_head(head_)) {
      keep_alive_ = parser_->is_done() && message.keep_alive();
      return answer(std::move(*refused));
    }
    if (beast::iequals(message[http::field::expect], "100-continue")) return send_continue();
    read_body();
  }

  void send_continue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(kContinue),
                      [self = shared_from_this()](error_code error, size_t) {
                        if (self->state_ == State::kClosed) return;
                        if (error) return self->refuse(error);
                        self->read_body();
                      });
  }

  void read_body() {
    const auto length = parser_->content_length();
    arm(dispatcher_.options().client_timeout + transfer_time(length ? *length : 0));
    http::async_read(socket_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, size_t) {
                       if (self->state_ == State::kClosed) return;
                       if (error) return self->refuse(error);
                       self->handle();
                     });
  }

  void handle() {
    disarm();
    state_ = State::kHandling;
    http::request<http::string_body> message = parser_->release();
    keep_alive_ = message.keep_alive();
    chunked_ = message.version() >= 11;
    head_.body = std::move(message.body());
    head_path_ = head_.path;
    cancelled_ = std::make_shared<std::atomic<bool>>(false);
    head_.call.cancelled = cancelled_;
    milliseconds timeout = dispatcher_.options().request_timeout;
    if (head_.timeout && (timeout.count() == 0 || *head_.timeout < timeout))
      timeout = *head_.timeout;
    if (timeout.count() > 0) head_.call.deadline = std::chrono::steady_clock::now() + timeout;
    dispatcher_.dispatch(std::move(head_), [self = shared_from_this()](HttpResponse response) {
      auto shared = std::make_shared<HttpResponse>(std::move(response));
      asio::dispatch(self->socket_.get_executor(),
                     [self, shared] { self->answer(std::move(*shared)); });
    });
    if (state_ == State::kHandling) watch();
  }

  // Reads ahead while the request is served: the way to see the client's end.
  void watch() {
    if (buffer_.size() >= kAheadBytes) return;
    watching_ = true;
    socket_.async_read_some(buffer_.prepare(4 << 10),
                            [self = shared_from_this()](error_code error, size_t bytes) {
                              self->on_watched(error, bytes);
                            });
  }

  void on_watched(error_code error, size_t bytes) {
    watching_ = false;
    buffer_.commit(bytes);
    if (state_ == State::kStreaming) {
      if (streamed_) return end_stream();
      return error ? close() : watch();
    }
    if (state_ != State::kHandling) return;
    if (answer_) return write();
    if (error) return cancelled_->store(true);
    watch();
  }

  // Not a request, not a whole one, or too much of one. The answer is the connection's last.
  void refuse(error_code error) {
    keep_alive_ = false;
    if (timed_out_)
      return answer(dispatcher_.refuse(408, head_.path, "the request took too long to arrive"));
    if (error == http::error::header_limit)
      return answer(dispatcher_.refuse(431, head_.path, "the request's head is too large"));
    if (error == http::error::body_limit)
      return answer(dispatcher_.refuse(413, head_.path,
                                       cat("the request's body is too large: want at most ",
                                           dispatcher_.options().payload_limit_bytes, " bytes")));
    const bool gone = error == http::error::end_of_stream || error == http::error::partial_message;
    const bool malformed =
        error.category() == http::make_error_code(http::error::bad_method).category();
    if (gone || !malformed) return close();
    answer(dispatcher_.refuse(400, head_.path, "not an HTTP request: " + error.message()));
  }

  void answer(HttpResponse response) {
    if (state_ == State::kClosed) {
      if (response.pipe) response.pipe->leave();
      return;
    }
    disarm();
    answer_ = std::move(response);
    if (answer_->pipe) return begin_stream();
    // The pending read must end before the buffer is anyone else's; its handler goes on.
    if (watching_) return void(socket_.cancel());
    write();
  }

  void write() {
    HttpResponse response = std::move(*answer_);
    answer_.reset();
    cancelled_.reset();
    if (response.status == 499) {
      if (!draining_) return close();  // nobody reads it
      response = dispatcher_.refuse(503, head_path_, "the server is stopping");
    }
    set_head(response);
    message_.content_length(response.body.size());
    arm(dispatcher_.options().client_timeout + transfer_time(response.body.size()));
    if (!is_head_request_) message_.body() = std::move(response.body);
    state_ = State::kWriting;
    http::async_write(socket_, message_, [self = shared_from_this()](error_code error, size_t) {
      if (self->state_ == State::kClosed) return;
      self->message_.body() = {};  // not held while the client is idle
      if (error) return self->close();
      if (!self->keep_alive_) return self->linger();
      self->wait_for_request();
    });
  }

  void set_head(const HttpResponse& response) {
    keep_alive_ = keep_alive_ && !draining_;
    message_ = {};
    message_.version(11);
    message_.result(static_cast<unsigned>(response.status));
    message_.set(http::field::server, "winnow");
    if (!response.content_type.empty())
      message_.set(http::field::content_type, response.content_type);
    for (const auto& [name, value] : response.headers) message_.set(name, value);
    message_.keep_alive(keep_alive_);
  }

  // An answer whose body is still being made: its head at once, then each piece as a chunk (to
  // HTTP/1.0, which has none, as it is, up to the connection's end). The read that watches for the
  // client's end stays.
  void begin_stream() {
    state_ = State::kStreaming;
    pipe_ = std::move(answer_->pipe);
    streamed_ = false;
    keep_alive_ = keep_alive_ && chunked_;
    set_head(*answer_);
    answer_.reset();
    if (chunked_) message_.chunked(true);
    std::ostringstream head;
    head << message_.base();
    outgoing_ = head.str();
    // Holds the connection, which may have nothing else to live by; leave() lets it go.
    pipe_->on_ready([self = shared_from_this()] {
      asio::dispatch(self->socket_.get_executor(), [self] { self->write_pieces(); });
    });
    if (is_head_request_) pipe_->leave();
    write_pieces();
  }

  // One write at a time; while it is pending the pipe fills, and then holds its writer back.
  void write_pieces() {
    if (state_ != State::kStreaming || writing_ || streamed_) return;
    const BodyPipe::Taken taken =
        is_head_request_ ? BodyPipe::Taken{{}, true, true} : pipe_->take();
    for (const std::string& piece : taken.pieces) append_chunk(piece);
    // A body that ends before its time has no last chunk: its client must see that.
    if (taken.ended && taken.whole && chunked_ && !is_head_request_) outgoing_ += "0\r\n\r\n";
    if (taken.ended && !taken.whole) keep_alive_ = false;
    if (outgoing_.empty() && !taken.ended) return;  // called again when there is something
    writing_ = true;
    arm(hurrying_ ? kLinger
                  : dispatcher_.options().client_timeout + transfer_time(outgoing_.size()));
    asio::async_write(socket_, asio::buffer(outgoing_),
                      [self = shared_from_this(), ended = taken.ended](error_code error, size_t) {
                        self->writing_ = false;
                        if (self->state_ == State::kClosed) return;
                        if (error) return self->close();
                        self->outgoing_.clear();
                        if (!self->hurrying_) self->disarm();
                        self->streamed_ = ended;
                        if (!ended) return self->write_pieces();
                        // As in answer().
                        if (self->watching_) return void(self->socket_.cancel());
                        self->end_stream();
                      });
  }

  void append_chunk(const std::string& piece) {
    if (piece.empty()) return;  // an empty chunk would be the last
    if (!chunked_) return void(outgoing_ += piece);
    std::ostringstream size;
    size << std::hex << piece.size();
    outgoing_.append(size.str()).append("\r\n").append(piece).append("\r\n");
  }

  void end_stream() {
    pipe_->leave();
    pipe_.reset();
    cancelled_.reset();
    if (!keep_alive_) return linger();
    wait_for_request();
  }

  // Closing with unread bytes resets the connection, and the client may never see its answer: ends
  // the answer, and reads and forgets for a while.
  void linger() {
    state_ = State::kLingering;
    error_code ignored;
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    arm(kLinger);
    forget();
  }

  void forget() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(64 << 10),
                            [self = shared_from_this()](error_code error, size_t) {
                              if (self->state_ == State::kClosed) return;
                              if (error) return self->close();
                              self->forget();
                            });
  }

  void close() {
    state_ = State::kClosed;
    if (cancelled_) cancelled_->store(true);
    if (pipe_) pipe_->leave();
    disarm();
    error_code ignored;
    socket_.close(ignored);
  }

  // What a slow but honest client needs beyond its timeout.
  milliseconds transfer_time(uint64_t bytes) const {
    const double seconds = static_cast<double>(bytes) /
                           static_cast<double>(dispatcher_.options().slowest_client_bytes_per_s);
    return milliseconds(static_cast<int64_t>(seconds * 1e3));
  }

  void arm(milliseconds time) {
    timed_out_ = false;
    const uint64_t armed = ++armed_;  // a timer that has gone off cannot be called back
    timer_.expires_after(time);
    timer_.async_wait([weak = weak_from_this(), armed](error_code error) {
      const Self self = weak.lock();
      if (!error && self && self->armed_ == armed) self->on_timeout();
    });
  }

  void disarm() {
    ++armed_;
    timer_.cancel();
  }

  void on_timeout() {
    if (state_ != State::kReading) return close();
    timed_out_ = true;
    socket_.cancel();  // the pending read ends, and refuses
  }

  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  Dispatcher& dispatcher_;
  const std::function<void()> closed_;

  State state_ = State::kIdle;
  bool draining_ = false, hurrying_ = false, watching_ = false, timed_out_ = false;
  uint64_t armed_ = 0;
  beast::flat_buffer buffer_;

  // Of the request at hand.
  std::optional<http::request_parser<http::string_body>> parser_;
  HttpRequest head_;  // moved away with the body
  std::string head_path_;
  bool is_head_request_ = false, keep_alive_ = false;
  std::shared_ptr<std::atomic<bool>> cancelled_;
  std::optional<HttpResponse> answer_;
  http::response<http::string_body> message_;

  // Of its streamed answer.
  std::shared_ptr<BodyPipe> pipe_;
  std::string outgoing_;  // what the pending write sends
  bool chunked_ = true;   // the client knows chunks
  bool writing_ = false, streamed_ = false;
};

}  // namespace

std::shared_ptr<Connection> make_connection(asio::ip::tcp::socket socket, Dispatcher& dispatcher,
                                            std::function<void()> closed) {
  return std::make_shared<HttpConnection>(std::move(socket), dispatcher, std::move(closed));
}

}  // namespace winnow
