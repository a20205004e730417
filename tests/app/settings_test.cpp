#include "app/settings.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/error.h"

using namespace winnow;
namespace fs = std::filesystem;

namespace {

std::string complaint(const std::string& yaml) {
  try {
    parse_settings(yaml, "etc/winnow.yaml");
  } catch (const Error& e) {
    return e.what();
  }
  return "no complaint";
}

}  // namespace

TEST_CASE("a file sets what it names and nothing else") {
  const Settings s = parse_settings(R"(
models:
  - bge-small-en
  - mine=./models/mine
  - other: /srv/other
reranker: ../r
host: 0.0.0.0
port: 8080
threads: 2
dtype: int8
strict: true
limits:
  max_length: 256
  request_timeout_ms: 0
)",
                                    "etc/winnow.yaml");
  REQUIRE(s.models.size() == 3);
  CHECK(s.models[0].name == "");
  CHECK(s.models[0].place == "bge-small-en");
  CHECK(s.models[1].name == "mine");
  CHECK(s.models[1].place == "etc/models/mine");
  CHECK(s.models[2].name == "other");
  CHECK(s.models[2].place == "/srv/other");
  CHECK(s.reranker == "r");
  CHECK(s.host == "0.0.0.0");
  CHECK(s.port == 8080);
  CHECK(s.threads == 2);
  CHECK(s.dtype == "int8");
  CHECK(s.strict == true);
  CHECK(s.limits.max_length == 256);
  CHECK(s.limits.request_timeout_ms == 0);
  CHECK(!s.limits.max_batch_tokens);
  CHECK(!s.embedder);
  CHECK(!s.return_documents);
}

TEST_CASE("the settings that docs/cli.md shows are all there are, and valid") {
  std::ifstream file(WINNOW_TEST_DATA "/../../docs/cli.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const size_t begin = page.find("```yaml\n") + 8;
  const Settings s =
      parse_settings(page.substr(begin, page.find("```", begin) - begin), "winnow.yaml");
  CHECK(s.models.size() == 2);
  CHECK((s.reranker && s.embedder && s.host && s.port && s.threads && s.dtype && s.pooling &&
         s.api_key));
  CHECK((s.auto_truncate && s.return_documents && s.sglang && s.strict));
  CHECK((s.prompt && s.instruction));
  for (const LimitKey& key : limit_keys()) {
    CAPTURE(key.name);
    CHECK((s.limits.*key.member).has_value());
  }
}

TEST_CASE("an empty file sets nothing") {
  CHECK(complaint("") == "no complaint");
  CHECK(complaint("# nothing\n") == "no complaint");
}

TEST_CASE("an unknown key is an error with its line and the nearest key") {
  CHECK(complaint("host: a\nprot: 1\n") ==
        "etc/winnow.yaml:2: unknown key \"prot\", did you mean \"port\"?");
  CHECK(complaint("limits:\n  max_lenght: 1\n") ==
        "etc/winnow.yaml:2: unknown key \"limits.max_lenght\", did you mean \"max_length\"?");
  CHECK(complaint("colour: red\n") == "etc/winnow.yaml:1: unknown key \"colour\"");
  CHECK(complaint("port: 1\nport: 2\n") == "etc/winnow.yaml:2: the key \"port\" is there twice");
}

TEST_CASE("a value of another type is an error that names both") {
  CHECK(complaint("\nport: eighty\n") ==
        "etc/winnow.yaml:2: port: want an integer from 0 to 65535, got \"eighty\"");
  CHECK(complaint("port: 70000\n") ==
        "etc/winnow.yaml:1: port: want an integer from 0 to 65535, got \"70000\"");
  CHECK(complaint("port: \"80\"\n") ==
        "etc/winnow.yaml:1: port: want an integer from 0 to 65535, got \"80\"");
  CHECK(complaint("port: 1.5\n") ==
        "etc/winnow.yaml:1: port: want an integer from 0 to 65535, got \"1.5\"");
  CHECK(complaint("port: [1]\n") ==
        "etc/winnow.yaml:1: port: want an integer from 0 to 65535, got a list");
  CHECK(complaint("host:\n") == "etc/winnow.yaml:1: host: want a value, got nothing");
  CHECK(complaint("dtype: f64\n") ==
        "etc/winnow.yaml:1: dtype: want one of auto, f32, f16, bf16, f8, int8, got \"f64\"");
  CHECK(complaint("strict: 3\n") == "etc/winnow.yaml:1: strict: want true or false, got \"3\"");
  CHECK(complaint("models: bge\n") ==
        "etc/winnow.yaml:1: models: want a list of names, folders or NAME: FOLDER, got \"bge\"");
  CHECK(complaint("limits: 3\n") == "etc/winnow.yaml:1: limits: want keys and values, got \"3\"");
  CHECK(complaint("limits:\n  max_length: 0\n") ==
        "etc/winnow.yaml:2: limits.max_length: want an integer from 1 up, got \"0\"");
  CHECK(complaint("- a\n") == "etc/winnow.yaml:1: the file: want keys and values, got a list");
}

TEST_CASE("what is not YAML is named by line and column") {
  CHECK(complaint("host: [a\n").starts_with("etc/winnow.yaml:2:1: not YAML: "));
}

TEST_CASE("a model entry is a place, or a name and a place") {
  CHECK(parse_model_entry("a").place == "a");
  CHECK(parse_model_entry("n=/f=g").name == "n");
  CHECK(parse_model_entry("n=/f=g").place == "/f=g");
  CHECK_THROWS_WITH_AS(parse_model_entry("n="), "model: want NAME or NAME=FOLDER, got \"n=\"",
                       Error);
}

TEST_CASE("--config beats ./winnow.yaml, which beats the one in XDG_CONFIG_HOME") {
  const fs::path folder =
      fs::temp_directory_path() / ("winnow_settings_" + std::to_string(::getpid()));
  fs::create_directories(folder / "here");
  fs::create_directories(folder / "winnow");
  const fs::path before = fs::current_path();
  fs::current_path(folder / "here");
  ::setenv("XDG_CONFIG_HOME", folder.c_str(), 1);

  CHECK(load_settings("").path == "");
  std::ofstream(folder / "winnow" / "winnow.yaml") << "port: 1\n";
  CHECK(load_settings("").port == 1);
  std::ofstream("winnow.yaml") << "port: 2\n";
  CHECK(load_settings("").port == 2);
  std::ofstream("mine.yaml") << "port: 3\n";
  CHECK(load_settings("mine.yaml").port == 3);
  CHECK_THROWS_WITH_AS(load_settings("none.yaml"),
                       "read: want a file to read, got none.yaml: No such file or directory",
                       Error);

  ::unsetenv("XDG_CONFIG_HOME");
  fs::current_path(before);
  fs::remove_all(folder);
}

TEST_CASE("a prompt is a preset's name, or a preset with fields of its own, or all of its own") {
  const Settings named = parse_settings("prompt: lychee-b\ninstruction: i\n", "w.yaml");
  CHECK(named.prompt->name == "lychee-b");
  CHECK(!named.prompt->verified);
  CHECK(named.instruction == "i");
  const Settings changed = parse_settings(
      "prompt:\n  preset: qwen3-reranker\n  body: \"<Query>: {query}\\n\\n<Document>: "
      "{document}\"\n"
      "  max_length: 2048\n",
      "w.yaml");
  CHECK(changed.prompt->body == "<Query>: {query}\n\n<Document>: {document}");
  CHECK(changed.prompt->max_length == 2048);
  CHECK(changed.prompt->prefix == yes_no_preset("qwen3-reranker").prefix);
  const YesNoPrompt own = parse_prompt(
      R"({"name": "mine", "prefix": "", "query_piece": "Q {query}", "document_piece": "D {document}",
          "separator": "|", "suffix": "?", "yes": "true", "no": "false", "score": "yes_logit"})",
      "p.json");
  CHECK(own.name == "mine");
  CHECK(own.separator == "|");
  CHECK(own.yes == "true");
  CHECK(own.score == YesNoPrompt::Score::kYesLogit);
}

TEST_CASE("a prompt that is wrong is refused with its file and line") {
  CHECK(complaint("port: 1\nprompt:\n  bodi: x\n") ==
        "etc/winnow.yaml:3: unknown key \"prompt.bodi\", did you mean \"body\"?");
  CHECK(complaint("prompt:\n  body: \"{query}\"\n") ==
        "etc/winnow.yaml:2: prompt custom: body: want {document} in it");
  CHECK(complaint("prompt: qwen\n")
            .starts_with("etc/winnow.yaml:1: prompt preset: want one of qwen3-reranker, "));
  CHECK(complaint("prompt:\n  preset: plain\n  score: best\n") ==
        "etc/winnow.yaml:3: prompt.score: want one of yes_over_no, yes_logit, got \"best\"");
  CHECK(complaint("instruction: [a]\n") ==
        "etc/winnow.yaml:1: instruction: want a text, got a list");
}

TEST_CASE("a decoder's settings are read, and sizes have units") {
  const Settings s =
      parse_settings("generator: ./g\ntask: rerank\nkv_cache: 2G\n", "etc/winnow.yaml");
  CHECK(s.generator == "etc/g");
  CHECK(s.task == "rerank");
  CHECK(s.kv_cache == "2G");
  CHECK(complaint("task: dance") ==
        "etc/winnow.yaml:1: task: want one of auto, generate, rerank, embed, got \"dance\"");
  CHECK(complaint("kv_cache: much").find("winnow.yaml:1: kv_cache: want bytes") !=
        std::string::npos);
  CHECK(parse_size("512", "x") == 512);
  CHECK(parse_size("64k", "x") == 64 << 10);
  CHECK(parse_size("3M", "x") == 3 << 20);
  CHECK(parse_size("2G", "x") == int64_t{2} << 30);
  for (const char* wrong : {"", "G", "-1", "0", "1GB", "1.5G", "99999999T"})
    CHECK_THROWS_AS(parse_size(wrong, "x"), Error);
}
