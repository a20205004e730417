#include "app/result_stream.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.h"

using namespace winnow;
namespace fs = std::filesystem;

namespace {

// A folder of its own that goes with the test.
struct Folder {
  fs::path path =
      fs::temp_directory_path() / ("winnow_result_stream_" + std::to_string(::getpid()));
  Folder() { fs::create_directory(path); }
  ~Folder() { fs::remove_all(path); }
  size_t files() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(path), {}));
  }
};

}  // namespace

TEST_CASE("a file is there only when it is whole") {
  const Folder folder;
  const std::string path = folder.path / "out";
  {
    ResultStream out(path);
    out.write(std::string(200'000, 'a'));
    out.line("b");
    CHECK(!fs::exists(path));
    out.finish();
  }
  CHECK(fs::file_size(path) == 200'002);
  CHECK(folder.files() == 1);
}

TEST_CASE("nothing is left of a file that was never finished, and an old one stays as it was") {
  const Folder folder;
  const std::string path = folder.path / "out";
  std::ofstream(path) << "old";
  { ResultStream(path).write("new"); }
  CHECK(fs::file_size(path) == 3);
  CHECK(folder.files() == 1);
}

TEST_CASE("a folder that is not there is named") {
  CHECK_THROWS_WITH_AS(ResultStream("/no/such/folder/out"),
                       "write: want to create /no/such/folder/out, got No such file or directory",
                       Error);
}
