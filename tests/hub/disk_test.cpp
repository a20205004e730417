#include "hub/disk.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "hub/digest.h"
#include "scratch.h"

namespace winnow {
namespace {

using test::error_of;
using test::has;
using test::Scratch;

TEST_CASE("a relative path is safe when no part of it leads out") {
  for (const char* path : {"a", "a/b", "1_Pooling/config.json", "a..b", ".hidden", "a b/ü"})
    CHECK_MESSAGE(safe_relative(path), path);
  for (const char* path : {"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/../b",
                           "a/./b", "a\\b", "..\\a", "C:a", "a\nb", "a\x7f"})
    CHECK_MESSAGE(!safe_relative(path), path);
  CHECK(!safe_relative(std::string("a\0b", 3)));
  CHECK(!safe_relative(std::string(256, 'a')));
}

TEST_CASE("replace_file and replace_link replace what is there and leave nothing else") {
  const Scratch folder;
  for (const char* text : {"one", "two"}) {
    replace_file(folder / "file", text, folder.path());
    CHECK(test::read(folder / "file") == text);
    replace_link(folder / "link", text, folder.path());
    CHECK(std::filesystem::read_symlink(folder / "link") == text);
  }
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 2);
}

TEST_CASE("a new file must be new, and is never written through a link") {
  const Scratch folder;
  test::write(folder / "there", "x");
  std::filesystem::create_symlink(folder / "outside", folder / "link");
  CHECK(
      error_of([&] { OutputFile(folder / "there", OutputFile::Open::kNew); }).starts_with("io: "));
  CHECK(error_of([&] { OutputFile(folder / "link", OutputFile::Open::kNew); }).starts_with("io: "));
  CHECK(error_of([&] {
          OutputFile(folder / "link", OutputFile::Open::kAppend);
        }).starts_with("io: "));
  CHECK(!std::filesystem::exists(folder / "outside"));
}

TEST_CASE("a file that may not grow is an io error that says what to do") {
  const Scratch folder;
  // In a child: the limit cannot be taken back.
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::signal(SIGXFSZ, SIG_IGN);
    const std::string error =
        error_of([&] { replace_file(folder / "big", std::string(5000, 'x'), folder.path()); });
    const bool clean = std::filesystem::is_empty(folder.path());
    ::_exit(error.starts_with("io: write ") && has(error, "ulimit -f") && clean ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
}

TEST_CASE("more space than there is is an io error with both figures") {
  const Scratch folder;
  require_space(folder.path(), 1);
  const std::string error = error_of([&] { require_space(folder.path(), int64_t{1} << 60); });
  CHECK(error.starts_with("io: write "));
  CHECK(has(error, "want 1152921.5 TB free, got "));
}

TEST_CASE("one thread at a time holds a lock") {
  const Scratch folder;
  std::atomic<int> inside{0}, most{0}, rounds{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 5; ++round) {
        const FileLock lock(folder / "locks/a.lock", false);
        most = std::max(most.load(), ++inside);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        --inside;
        ++rounds;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(most == 1);
  CHECK(rounds == 20);
}

TEST_CASE("digests are those of sha256sum and git hash-object") {
  const Scratch folder;
  test::write(folder / "empty", "");
  test::write(folder / "hello", "hello\n");
  CHECK(sha256_of(folder / "empty") ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(git_blob_sha1_of(folder / "empty") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  CHECK(git_blob_sha1_of(folder / "hello") == "ce013625030ba8dba906f756967f9e9ca394464a");
  CHECK(is_hex("00ff", 4));
  CHECK(!is_hex("00FF", 4));
  CHECK(!is_hex("00ff0", 4));
}

}  // namespace
}  // namespace winnow
