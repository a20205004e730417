#include "engine/generation_defaults.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path = fs::temp_directory_path() / cat("winnow_defaults_", ::getpid());
  explicit Folder(const std::string& config) {
    fs::create_directories(path);
    if (!config.empty()) std::ofstream(path / "generation_config.json") << config;
  }
  ~Folder() { fs::remove_all(path); }
};

TEST_CASE("a folder's generation_config.json says how to sample where it says so") {
  const Folder folder(R"({"do_sample":true,"temperature":0.6,"top_k":20,"top_p":0.95,
                          "repetition_penalty":1.05,"eos_token_id":[1,2]})");
  const SamplingOptions s = read_generation_defaults(folder.path.string()).sampling;
  CHECK(s.temperature == 0.6f);
  CHECK(s.top_k == 20);
  CHECK(s.top_p == 0.95f);
  CHECK(s.min_p == 0.0f);
  CHECK(s.repetition_penalty == 1.05f);
}

TEST_CASE("without a generation_config.json the defaults are OpenAI's") {
  const Folder folder("");
  const SamplingOptions s = read_generation_defaults(folder.path.string()).sampling;
  CHECK(s.temperature == 1.0f);
  CHECK(s.top_k == 0);
  CHECK(s.top_p == 1.0f);
}

TEST_CASE("a generation_config.json that is wrong is named with its key") {
  const Folder folder(R"({"temperature":-1})");
  try {
    read_generation_defaults(folder.path.string());
    FAIL("no complaint");
  } catch (const Error& error) {
    const std::string what = error.what();
    CHECK(what.find("generation_config.json: temperature") != what.npos);
  }
}

}  // namespace
}  // namespace winnow
