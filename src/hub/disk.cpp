#include "hub/disk.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/progress.h"

namespace winnow {
namespace {

// A name in `scratch` that no other thread or process uses.
std::string scratch_name(const std::string& scratch) {
  static std::atomic<unsigned> count{0};
  return cat(scratch, "/.new-", ::getpid(), '-', count++);
}

void sync_or_fail(int file, const std::string& path) {
  if (::fsync(file) != 0 && errno != EINVAL && errno != ENOTSUP)  // some file systems have no fsync
    fail_io("write", path, errno);
}

}  // namespace

bool safe_relative(std::string_view path) {
  while (true) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.size() > 255) return false;
    for (const unsigned char c : part)
      if (c < 0x20 || c == 0x7F || c == '\\' || c == ':') return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

void fail_io(std::string_view verb, const std::string& path, int error) {
  std::string advice;
  if (error == ENOSPC || error == EDQUOT) advice = "; free some space and run it again";
  if (error == EFBIG) advice = "; raise the file size limit (ulimit -f) and run it again";
  fail(Code::kIo, verb, ' ', path, ": ", std::strerror(error), advice);
}

void require_space(const std::string& folder, int64_t bytes) {
  struct statvfs info {};
  if (::statvfs(folder.c_str(), &info) != 0) return;  // the write itself will say
  const auto available = static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
  if (available < bytes)
    fail(Code::kIo, "write ", folder, ": want ", human_bytes(bytes), " free, got ",
         human_bytes(available), "; free some space and run it again");
}

void make_folders(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail_io("make folder", path, error.value());
}

OutputFile::OutputFile(std::string path, Open how) : path_(std::move(path)) {
  const int flags = how == Open::kNew ? O_EXCL : O_APPEND;
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
  if (file_ < 0) fail_io("open", path_, errno);
  struct stat info {};
  if (::fstat(file_, &info) == 0) size_ = info.st_size;
}

OutputFile::~OutputFile() {
  if (file_ >= 0) ::close(file_);
}

void OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(file_, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail_io("write", path_, errno);
    size_ += wrote;
    bytes.remove_prefix(static_cast<size_t>(wrote));
  }
}

void OutputFile::restart() {
  if (::ftruncate(file_, 0) != 0 || ::lseek(file_, 0, SEEK_SET) != 0)
    fail_io("truncate", path_, errno);
  size_ = 0;
}

void OutputFile::close() {
  sync_or_fail(file_, path_);
  const int closed = ::close(file_);
  file_ = -1;
  if (closed != 0) fail_io("close", path_, errno);
}

void sync_folder(const std::string& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) fail_io("open", folder, errno);
  const int synced = ::fsync(file);
  const int error = errno;
  ::close(file);
  if (synced != 0 && error != EINVAL && error != ENOTSUP) fail_io("write", folder, error);
}

void rename_over(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail_io("rename to", to, errno);
}

void replace_file(const std::string& path, std::string_view text, const std::string& scratch) {
  const std::string temporary = scratch_name(scratch);
  try {
    OutputFile file(temporary, OutputFile::Open::kNew);
    file.write(text);
    file.close();
    rename_over(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void replace_link(const std::string& path, const std::string& target, const std::string& scratch) {
  const std::string temporary = scratch_name(scratch);
  if (::symlink(target.c_str(), temporary.c_str()) != 0) fail_io("link", temporary, errno);
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    fail_io("link", path, error);
  }
}

FileLock::FileLock(const std::string& path, bool loud) {
  using namespace std::chrono;
  make_folders(std::filesystem::path(path).parent_path());
  const auto start = steady_clock::now();
  bool said = false;
  while (true) {
    file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file_ < 0) fail_io("open", path, errno);
    while (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) {
        const int error = errno;
        ::close(file_);
        fail_io("lock", path, error);
      }
      if (loud && !said && steady_clock::now() - start > seconds(1)) {
        std::fprintf(stderr, "waiting for another pull, which holds %s\n", path.c_str());
        said = true;
      }
      std::this_thread::sleep_for(milliseconds(20));
    }
    // Its last holder may have removed the file: a lock on a file without a name excludes nobody.
    struct stat mine {
    }, named{};
    if (::fstat(file_, &mine) == 0 && ::stat(path.c_str(), &named) == 0 &&
        mine.st_ino == named.st_ino && mine.st_dev == named.st_dev)
      return;
    ::close(file_);
  }
}

FileLock::~FileLock() { ::close(file_); }

}  // namespace winnow
