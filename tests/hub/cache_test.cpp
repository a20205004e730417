#include "hub/cache.h"

#include "hub/known_models.h"
#include "scratch.h"

namespace winnow {
namespace {

using test::error_of;
using test::has;
using test::Scratch;
using test::Variable;

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";
constexpr const char* kOther = "fedcba9876543210fedcba9876543210fedcba98";

// Both caches in one folder of their own.
struct Caches {
  Scratch root;
  Variable models{"WINNOW_MODELS", root / "models"};
  Variable hub{"HF_HUB_CACHE", root / "hub"};

  // A repository as huggingface_hub lays it out; returns its folder.
  std::string repository(const std::string& name, const std::string& commit,
                         const std::vector<std::string>& files, const char* ref = "main") {
    const std::string folder = root / ("hub/" + name);
    for (const std::string& file : files) {
      const std::string link = folder + "/snapshots/" + commit + "/" + file;
      test::write(folder + "/blobs/" + file, "{}");
      std::filesystem::create_directories(std::filesystem::path(link).parent_path());
      std::filesystem::create_symlink("../../blobs/" + file, link);
    }
    if (ref) test::write(folder + "/refs/" + ref, commit);
    return folder;
  }
};

TEST_CASE(
    "the folder of named models follows WINNOW_MODELS, XDG_CACHE_HOME and HOME, in this order") {
  const Variable home("HOME", "/home/ada"), xdg("XDG_CACHE_HOME", "/xdg"),
      set("WINNOW_MODELS", "/m");
  CHECK(models_folder() == "/m");
  const Variable unset("WINNOW_MODELS", nullptr);
  CHECK(models_folder() == "/xdg/winnow/models");
  const Variable empty("XDG_CACHE_HOME", "");
  CHECK(models_folder() == "/home/ada/.cache/winnow/models");
}

TEST_CASE(
    "the hub's folder follows HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME and HOME, in this order") {
  const Variable home("HOME", "/home/ada"), xdg("XDG_CACHE_HOME", "/xdg");
  const Variable hf_home("HF_HOME", "/hf"), set("HF_HUB_CACHE", "/c");
  CHECK(hub_folder() == "/c");
  const Variable no_cache("HF_HUB_CACHE", nullptr);
  CHECK(hub_folder() == "/hf/hub");
  const Variable no_home("HF_HOME", nullptr);
  CHECK(hub_folder() == "/xdg/huggingface/hub");
  const Variable no_xdg("XDG_CACHE_HOME", nullptr);
  CHECK(hub_folder() == "/home/ada/.cache/huggingface/hub");
}

TEST_CASE("a hub id is an organisation and a name, with or without a revision") {
  CHECK(parse_hub_id("BAAI/bge-small-en-v1.5")->id == "BAAI/bge-small-en-v1.5");
  CHECK(parse_hub_id("BAAI/bge-small-en-v1.5")->revision == "main");
  CHECK(parse_hub_id("a/b@refs/pr/1")->revision == "refs/pr/1");
  CHECK(hub_folder_name({"a/b_c.d"}) == "models--a--b_c.d");
}

TEST_CASE("what could leave the cache or be taken for another model is no hub id") {
  for (const char* text :
       {"",      "bge",   "a/b/c",  "/a",     "a/",   "../b",   "a/..",        "./a",
        "a/.b",  "-a/b",  "a--x/b", "a/b..c", "a/b@", "a/b@..", "a/b@../../x", "a/b@/etc",
        "a/b c", "a/b?x", "a\\b/c", "a/b\n",  "~/b"}) {
    CAPTURE(text);
    CHECK(!parse_hub_id(text).has_value());
  }
}

TEST_CASE("an existing folder is itself, also where a name would match") {
  const Caches caches;
  std::filesystem::create_directories(caches.root / "here");
  CHECK(resolve_model(caches.root / "here") == caches.root / "here");
}

TEST_CASE("a name is its folder among the named models, whoever put it there") {
  const Caches caches;
  test::write(caches.root / "models/bge-small-en/vocab.txt", "x");
  test::write(caches.root / "models/mine/vocab.txt", "x");
  CHECK(resolve_model("bge-small-en") == caches.root / "models/bge-small-en");
  CHECK(resolve_model("mine") == caches.root / "models/mine");
}

TEST_CASE("a named model may be a link to a folder elsewhere") {
  const Caches caches;
  test::write(caches.root / "elsewhere/vocab.txt", "12345");
  std::filesystem::create_directories(caches.root / "models");
  std::filesystem::create_symlink(caches.root / "elsewhere", caches.root / "models/linked");
  CHECK(resolve_model("linked") == caches.root / "models/linked");
  REQUIRE(cached_models().size() == 1);
  CHECK(cached_models()[0].bytes == 5);
}

TEST_CASE("an unfinished or hidden folder is not a model") {
  const Caches caches;
  test::write(caches.root / "models/.incomplete-x/vocab.txt", "x");
  CHECK(error_of([] { resolve_model(".incomplete-x"); }).starts_with("not_found: "));
  CHECK(cached_models().empty());
}

TEST_CASE("a hub id is its snapshot, by branch and by commit") {
  Caches caches;
  const std::string folder =
      caches.repository("models--a--b", kCommit, {"config.json", "vocab.txt", "model.safetensors"});
  CHECK(resolve_model("a/b") == folder + "/snapshots/" + kCommit);
  CHECK(resolve_model(std::string("a/b@") + kCommit) == folder + "/snapshots/" + kCommit);
  CHECK(error_of([] { resolve_model("a/b@other"); }).starts_with("not_found: "));
}

TEST_CASE("a snapshot that lacks a file is not there") {
  Caches caches;
  const std::string folder =
      caches.repository("models--a--b", kCommit, {"config.json", "vocab.txt", "model.safetensors"});
  std::filesystem::remove(folder + "/blobs/model.safetensors");  // the link dangles
  CHECK(missing_part(folder + "/snapshots/" + kCommit) == "weights");
  CHECK(has(error_of([] { resolve_model("a/b"); }), "get it with: winnow pull a/b"));
  CHECK(cached_models().empty());
}

TEST_CASE("missing_part reads the index of shards") {
  const Scratch folder;
  test::write(folder / "config.json", "{}");
  CHECK(missing_part(folder.path()) == "a tokenizer");
  test::write(folder / "tokenizer.json", "{}");
  CHECK(missing_part(folder.path()) == "weights");
  test::write(folder / "model.safetensors.index.json",
              R"({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})");
  test::write(folder / "model-1.safetensors", "x");
  CHECK(missing_part(folder.path()) == "model-2.safetensors");
  test::write(folder / "model-2.safetensors", "x");
  CHECK(missing_part(folder.path()) == "");
  test::write(folder / "model.safetensors.index.json", R"({"weight_map": {"a": "../x"}})");
  CHECK(missing_part(folder.path()) == "../x");
  test::write(folder / "model.safetensors.index.json", "{");
  CHECK(missing_part(folder.path()) == "model.safetensors.index.json");
}

TEST_CASE("cached_models lists names, ids and revisions with their bytes") {
  Caches caches;
  test::write(caches.root / "models/mine/vocab.txt", "12345");
  test::write(caches.root / "models/mine/1_Pooling/config.json", "123");
  const std::vector<std::string> files = {"config.json", "vocab.txt", "model.onnx"};
  caches.repository("models--a--b", kCommit, files);
  caches.repository("models--a--c", kOther, files, nullptr);  // no branch points to it
  caches.repository("models--a--d", kOther, {"config.json"});
  test::write(caches.root / "hub/datasets--a--b/refs/main", kCommit);
  const std::vector<CachedModel> models = cached_models();
  REQUIRE(models.size() == 3);
  CHECK(models[0].name == "mine");
  CHECK(models[0].bytes == 8);
  CHECK(models[0].source == ModelSource::kNamed);
  CHECK(models[1].name == "a/b");
  CHECK(models[1].bytes == 6);
  CHECK(models[1].source == ModelSource::kHub);
  CHECK(models[2].name == std::string("a/c@") + kOther);
  for (const CachedModel& model : models) CHECK(resolve_model(model.name) == model.folder);
}

TEST_CASE("a model that is not there is an error with the command that gets it") {
  const Caches caches;
  CHECK(error_of([] { resolve_model("bge-small-en"); }) ==
        "not_found: model bge-small-en: want it in " + (caches.root / "models") +
            ", got no such folder; get it with: winnow pull bge-small-en");
  CHECK(has(error_of([] { resolve_model("bge-smal-en"); }),
            "did you mean bge-small-en? Get it with: winnow pull bge-small-en"));
  CHECK(has(error_of([] { resolve_model("BAAI/bge-small-en-v1.5"); }),
            "get it with: winnow pull BAAI/bge-small-en-v1.5; did you mean bge-small-en?"));
  CHECK(has(error_of([] { resolve_model("zzz"); }), "known names are ms-marco-minilm-l12, "));
  CHECK(error_of([] { resolve_model(""); }).starts_with("invalid_argument: "));
  test::write(caches.root / "file", "x");
  CHECK(has(error_of([&] { resolve_model(caches.root / "file"); }), "got a file"));
}

TEST_CASE("nearest_name counts edits and gives up when a third would change") {
  const std::vector<std::string> names = {"ms-marco-minilm-l12", "bge-small-en", "all-minilm-l6"};
  CHECK(nearest_name("BGE-Small-EN", names) == "bge-small-en");
  CHECK(nearest_name("bge-samll-en", names) == "bge-small-en");
  CHECK(nearest_name("all-MiniLM-L6-v2", names) == "all-minilm-l6");
  CHECK(nearest_name("abc", std::vector<std::string>{"acb"}) == "acb");  // one swap
  CHECK(nearest_name("abc", std::vector<std::string>{"xyc"}) == "");
  CHECK(nearest_name("gpt", names) == "");
  CHECK(nearest_name("", names) == "");
}

TEST_CASE("every known model names its files safely and its wheel by a whole hash") {
  CHECK(known_models().size() == 5);
  for (const KnownModel& model : known_models()) {
    CAPTURE(model.name);
    CHECK(find_known_model(model.name) == &model);
    CHECK(model.wheel.sha256.size() == 64);
    CHECK(!parse_hub_id(model.name).has_value());
    CHECK(parse_hub_id(model.original).has_value());
  }
  CHECK(find_known_model("bge") == nullptr);
}

}  // namespace
}  // namespace winnow
