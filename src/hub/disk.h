// Writing to disk so that nothing half-written is ever seen under a final name, and nothing lands
// outside its folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace winnow {

// True when `path`, joined to a folder, stays inside it on every system: parts parted by '/', none
// of them empty,
// "." or "..", no backslash, colon or control character, at most 255 bytes a part.
bool safe_relative(std::string_view path);

// Throws kIo: "<verb> <path>: <what the system said>", and for a full disk what to do about it.
[[noreturn]] void fail_io(std::string_view verb, const std::string& path, int error);

// Throws kIo naming both figures when the file system that holds the existing `folder` has fewer
// bytes free.
void require_space(const std::string& folder, int64_t bytes);

void make_folders(const std::string& path);  // as mkdir -p; throws kIo

// A file open for writing. close() makes its bytes durable; without it they are not promised.
// Throws kIo.
class OutputFile {
 public:
  enum class Open { kNew, kAppend };  // kNew: it must not exist; kAppend: made when absent
  OutputFile(std::string path, Open how);
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  void write(std::string_view bytes);
  void restart();  // drops all that it holds
  int64_t size() const { return size_; }
  void close();  // fsync, then close

 private:
  std::string path_;
  int file_;
  int64_t size_ = 0;
};

// Makes a folder's entries durable: what was renamed into it stays there after a power cut.
void sync_folder(const std::string& folder);

// Writes `text` to `path` all or nothing, by way of a file in `scratch`, a folder on the same file
// system.
void replace_file(const std::string& path, std::string_view text, const std::string& scratch);

// Makes `path` a symbolic link to `target`, replacing a link or file that is there, by way of
// `scratch`.
void replace_link(const std::string& path, const std::string& target, const std::string& scratch);

void rename_over(const std::string& from, const std::string& to);  // throws kIo

// An exclusive advisory lock (flock) on a file, made when absent; held until destruction. Waits for
// its holder, and says so on stderr after a second when `loud`. Threads of one process exclude each
// other too.
class FileLock {
 public:
  FileLock(const std::string& path, bool loud);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace winnow
