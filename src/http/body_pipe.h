// Between the thread that makes a body and the connection that writes it: a queue of pieces that
// holds the maker back when the client is slow.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace winnow {

// Thread-safe. One writer, one reader.
class BodyPipe {
 public:
  // Bytes that wait, above which the writer waits for the reader.
  explicit BodyPipe(size_t most_bytes = 64 << 10) : most_bytes_(most_bytes) {}

  // The writer's end. push blocks while too much waits; false: the reader has left. `last` ends the
  // body with that piece; end() ends it where the rest cannot be made.
  bool push(std::string piece, bool last = false);
  void end();
  bool left() const;

  struct Taken {
    std::vector<std::string> pieces;
    bool ended = false;  // nothing comes after them
    bool whole = false;  // and that was the body's own end
  };

  // The reader's end. take never blocks: all there is. After a take that found nothing `ready` is
  // called once, by the writer's thread, when there is something. leave: it reads no more, and the
  // writer need not go on.
  void on_ready(std::function<void()> ready);
  Taken take();
  void leave();

 private:
  void wake(std::unique_lock<std::mutex>& lock);

  const size_t most_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable room_;
  std::function<void()> ready_;
  std::vector<std::string> pieces_;
  size_t bytes_ = 0;
  bool waiting_ = false, ended_ = false, whole_ = false, left_ = false;
};

}  // namespace winnow
