// Where a command's results go: stdout, or a file that appears whole or not at all. Not
// thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace winnow {

// The reader of our stdout has gone away (`winnow rerank ... | head -1`). Not an error: main ends
// quietly.
struct ReaderGone {};

class ResultStream {
 public:
  ResultStream() = default;  // stdout
  // A file: written under a temporary name beside it, renamed by finish(), removed when finish() is
  // never reached.
  // "-" is stdout. Throws kIo naming the path.
  explicit ResultStream(const std::string& path);
  ~ResultStream();
  ResultStream(const ResultStream&) = delete;
  ResultStream& operator=(const ResultStream&) = delete;

  bool is_terminal() const;
  void write(std::string_view bytes);  // buffered; throws kIo, or ReaderGone for a closed pipe
  void line(std::string_view text);    // text and a newline, flushed when a person is watching
  void flush();                        // what was written is seen now
  void finish();                       // flushes; what a command calls last

 private:
  int fd_ = 1;
  std::string path_, temporary_;  // both empty for stdout
  std::string buffer_;
};

}  // namespace winnow
