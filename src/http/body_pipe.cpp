#include "http/body_pipe.h"

#include <utility>

namespace winnow {

// Not called under the lock: the reader may take at once.
void BodyPipe::wake(std::unique_lock<std::mutex>& lock) {
  if (!std::exchange(waiting_, false) || !ready_) return;
  const std::function<void()> ready = ready_;
  lock.unlock();
  ready();
}

bool BodyPipe::push(std::string piece, bool last) {
  std::unique_lock lock(mutex_);
  room_.wait(lock, [&] { return left_ || bytes_ < most_bytes_; });
  if (left_ || ended_) return false;
  bytes_ += piece.size();
  pieces_.push_back(std::move(piece));
  ended_ = whole_ = last;
  wake(lock);
  return true;
}

void BodyPipe::end() {
  std::unique_lock lock(mutex_);
  ended_ = true;
  wake(lock);
}

bool BodyPipe::left() const {
  std::lock_guard lock(mutex_);
  return left_;
}

void BodyPipe::on_ready(std::function<void()> ready) {
  std::lock_guard lock(mutex_);
  ready_ = std::move(ready);
}

BodyPipe::Taken BodyPipe::take() {
  std::lock_guard lock(mutex_);
  Taken taken{std::exchange(pieces_, {}), ended_, whole_};
  bytes_ = 0;
  waiting_ = taken.pieces.empty() && !ended_;
  room_.notify_all();
  return taken;
}

void BodyPipe::leave() {
  std::function<void()> ready;  // it may hold the reader: let go without the lock
  std::lock_guard lock(mutex_);
  left_ = true;
  ready.swap(ready_);
  room_.notify_all();
}

}  // namespace winnow
