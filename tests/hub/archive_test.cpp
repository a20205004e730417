#include "hub/archive.h"

#include "scratch.h"

namespace winnow {
namespace {

using test::error_of;
using test::has;
using test::Scratch;
using test::write_zip;
using test::ZipEntry;

// Unpacks model.onnx and 1_Pooling/config.json of a zip with these entries; the error, "" when
// there is none.
std::string unpack(const Scratch& root, const std::vector<ZipEntry>& entries,
                   int64_t max_bytes = 1000) {
  write_zip(root / "x.zip", entries);
  std::filesystem::create_directories(root / "out");
  const std::vector<std::string> wanted = {"model.onnx", "1_Pooling/config.json"};
  return error_of([&] { unpack_zip(root / "x.zip", "p/m", wanted, root / "out", max_bytes); });
}

const ZipEntry kModel{"p/m/model.onnx", "weights"}, kPooling{"p/m/1_Pooling/config.json", "{}"};

TEST_CASE("unpack_zip writes the wanted files and no other") {
  const Scratch root;
  CHECK(unpack(root, {{"p/m/README.md", "r"},
                      kModel,
                      {"p/x/model.onnx", "no"},
                      kPooling,
                      {"p/model.onnx", "no"},
                      {"../../model.onnx", "no"}}) == "");
  CHECK(test::listing(root / "out") == "1_Pooling model.onnx");
  CHECK(test::read(root / "out/model.onnx") == "weights");
  CHECK(test::read(root / "out/1_Pooling/config.json") == "{}");
  CHECK(test::listing(root.path()) == "out x.zip");
}

TEST_CASE("a name that leaves the folder is corrupt, wanted or not, and writes nothing outside") {
  for (const char* name : {"p/m/../evil", "p/m/../../evil", "p/m//evil", "p/m//etc/evil",
                           "p/m/a/../../evil", "p/m/..\\evil", "p/m/./model.onnx"}) {
    CAPTURE(name);
    const Scratch root;
    const std::string error = unpack(root, {{name, "evil"}, kModel, kPooling});
    CHECK(error == std::string("corrupt: unpack ") + (root / "x.zip") + ": " + name +
                       ": the name leaves its folder");
    CHECK(test::listing(root.path()) == "out x.zip");
    CHECK(std::filesystem::is_empty(root / "out"));
  }
}

TEST_CASE("a link in the place of a wanted file is corrupt") {
  const Scratch root;
  const std::string error = unpack(root, {{"p/m/model.onnx", "/etc/passwd", true}, kPooling});
  CHECK(error.starts_with("corrupt: "));
  CHECK(has(error, "p/m/model.onnx: want a regular file"));
  CHECK(!std::filesystem::exists(root / "out/model.onnx"));
}

TEST_CASE("a file that is there twice, or not at all, is corrupt") {
  const Scratch once, twice;
  CHECK(has(unpack(once, {kModel}), "want p/m/1_Pooling/config.json, got no such file"));
  CHECK(
      has(unpack(twice, {kModel, kModel, kPooling}), "p/m/model.onnx: want it once, got it twice"));
}

TEST_CASE("files that unpack to more than is allowed are corrupt") {
  const Scratch fits, over, bomb;
  CHECK(unpack(fits, {kModel, kPooling}, 9) == "");
  CHECK(has(unpack(over, {kModel, kPooling}, 8), "want at most 1 B more, got more"));
  CHECK(has(unpack(bomb, {{"p/m/model.onnx", std::string(10'000'000, '0')}, kPooling}, 1000),
            "got more"));
}

TEST_CASE("what is no zip, is cut or has a flipped bit is corrupt") {
  const Scratch root;
  std::string weights;
  for (unsigned i = 0; i < 3000; ++i) weights += static_cast<char>(i * i * 7919 / 13);
  write_zip(root / "good.zip", {{"p/m/model.onnx", weights}, kPooling});
  const std::string good = test::read(root / "good.zip");
  std::string flipped = good;
  flipped[1000] ^= 4;  // in the packed bytes of the first file
  int number = 0;
  for (const std::string& bytes : {std::string("not a zip"), std::string(),
                                   good.substr(0, good.size() / 2), good.substr(0, 20), flipped}) {
    CAPTURE(number);
    const std::string out = root / ("out" + std::to_string(number++));
    std::filesystem::create_directories(out);
    test::write(root / "bad.zip", bytes);
    const std::vector<std::string> wanted = {"model.onnx"};
    const std::string error =
        error_of([&] { unpack_zip(root / "bad.zip", "p/m", wanted, out, 10'000); });
    CAPTURE(error);
    CHECK(error.starts_with("corrupt: unpack " + (root / "bad.zip") + ": "));
  }
}

}  // namespace
}  // namespace winnow
