#include "app/result_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/error.h"

namespace winnow {
namespace {

constexpr size_t kBufferBytes = 64 * 1024;

}  // namespace

ResultStream::ResultStream(const std::string& path) {
  if (path == "-") return;
  path_ = path;
  temporary_ = cat(path, ".", ::getpid(), ".part");
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) {
    temporary_.clear();
    fail(Code::kIo, "write: want to create ", path_, ", got ", std::strerror(errno));
  }
}

ResultStream::~ResultStream() {
  if (temporary_.empty()) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

bool ResultStream::is_terminal() const { return ::isatty(fd_) == 1; }

void ResultStream::write(std::string_view bytes) {
  buffer_.append(bytes);
  if (buffer_.size() >= kBufferBytes) flush();
}

void ResultStream::line(std::string_view text) {
  write(text);
  write("\n");
  if (is_terminal()) flush();
}

void ResultStream::flush() {
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t wrote = ::write(fd_, left.data(), left.size());
    if (wrote >= 0) {
      left.remove_prefix(static_cast<size_t>(wrote));
    } else if (errno == EPIPE) {
      throw ReaderGone{};
    } else if (errno != EINTR) {
      fail(Code::kIo, "write: want to write results to ", path_.empty() ? "stdout" : path_,
           ", got ", std::strerror(errno));
    }
  }
  buffer_.clear();
}

void ResultStream::finish() {
  flush();
  if (temporary_.empty()) return;
  const bool closed = ::close(fd_) == 0;
  if (!closed || std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const std::string why = std::strerror(errno);
    ::unlink(temporary_.c_str());
    temporary_.clear();
    fail(Code::kIo, "write: want to finish ", path_, ", got ", why);
  }
  temporary_.clear();
}

}  // namespace winnow
