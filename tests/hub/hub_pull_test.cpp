#include "hub/hub_pull.h"

#include "hub/http_client.h"
#include "scratch.h"

namespace winnow {
namespace {

using test::error_of;
using test::has;
using Names = std::vector<std::string>;

// The chosen files after config.json and tokenizer.json, joined with spaces.
std::string chosen(Names more) {
  Names files = {"config.json", "tokenizer.json", "README.md", ".gitattributes", "train.py"};
  files.insert(files.end(), more.begin(), more.end());
  std::string all;
  for (const std::string& name : choose_files(files))
    if (name != "config.json" && name != "tokenizer.json") all += (all.empty() ? "" : " ") + name;
  return all;
}

TEST_CASE("one form of the weights is taken, the best that there is") {
  const Names every = {"model.safetensors",
                       "model-00001-of-00002.safetensors",
                       "model-00002-of-00002.safetensors",
                       "model.safetensors.index.json",
                       "pytorch_model.bin",
                       "pytorch_model-00001-of-00001.bin",
                       "pytorch_model.bin.index.json",
                       "onnx/model.onnx",
                       "onnx/model_O3.onnx",
                       "model.onnx",
                       "tf_model.h5",
                       "openvino/openvino_model.bin"};
  CHECK(chosen(every) == "model.safetensors");
  CHECK(chosen({every.begin() + 1, every.end()}) ==
        "model-00001-of-00002.safetensors model-00002-of-00002.safetensors "
        "model.safetensors.index.json");
  CHECK(chosen({every.begin() + 4, every.end()}) == "pytorch_model.bin");
  CHECK(chosen({every.begin() + 5, every.end()}) ==
        "pytorch_model-00001-of-00001.bin pytorch_model.bin.index.json");
  CHECK(chosen({every.begin() + 7, every.end()}) == "onnx/model.onnx");
  CHECK(chosen({every.begin() + 9, every.end()}) == "model.onnx");
  CHECK(chosen({"onnx/model.onnx", "onnx/model.onnx_data"}) ==
        "onnx/model.onnx_data onnx/model.onnx");
}

TEST_CASE("sentence-transformers' modules come along, folders of other names do not") {
  CHECK(chosen({"1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors",
                "2_Dense/pytorch_model.bin", "3_Dense/pytorch_model.bin", "modules.json",
                "runs/config.json", "1/config.json", "1_x/y/config.json", "1_Pooling/notes.txt",
                "model.safetensors"}) ==
        "modules.json 1_Pooling/config.json 2_Dense/config.json 2_Dense/model.safetensors "
        "3_Dense/pytorch_model.bin model.safetensors");
}

TEST_CASE("a listing with a name that leaves its folder is corrupt") {
  for (const char* name : {"../config.json", "/etc/passwd", "1_x/../../config.json", "a\\b", ""}) {
    CAPTURE(name);
    CHECK(has(error_of([&] {
                chosen({name, "model.safetensors"});
              }),
              "corrupt: pull: the listing names"));
  }
}

TEST_CASE(
    "a repository without configuration, tokenizer or weights is unsupported, and says which") {
  const auto error = [](const Names& files) { return error_of([&] { choose_files(files); }); };
  CHECK(has(error({"config.json", "tokenizer.json", "a.gguf"}), "unsupported: pull: want weights"));
  CHECK(has(error({"tokenizer.json", "model.onnx"}), "want config.json"));
  CHECK(has(error({"config.json", "model.onnx"}), "want a tokenizer"));
}

TEST_CASE("an origin is scheme, host and port") {
  CHECK(url_origin("https://Hub.example/a?b") == "https://hub.example:443");
  CHECK(url_origin("http://127.0.0.1:8080/a") == "http://127.0.0.1:8080");
  CHECK(url_origin("https://hub.example:443") == url_origin("https://user:word@hub.example/x"));
  CHECK(url_origin("https://hub.example") != url_origin("http://hub.example"));
  CHECK(url_origin("https://hub.example") != url_origin("https://hub.example.evil"));
  for (const char* url : {"", "hub.example", "ftp://hub.example", "file:///etc/passwd"})
    CHECK_MESSAGE(url_origin(url) == "", url);
}

TEST_CASE("a shown URL has neither query nor password, and an escaped path reads back") {
  CHECK(url_shown("https://u:p@cdn.example/a/b?Signature=secret") == "https://cdn.example/a/b");
  CHECK(url_escape("refs/pr/1", false) == "refs%2Fpr%2F1");
  CHECK(url_escape("a b/ü?#%.bin", true) == "a%20b/%C3%BC%3F%23%25.bin");
}

}  // namespace
}  // namespace winnow
