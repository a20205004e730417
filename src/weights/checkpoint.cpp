#include "weights/checkpoint.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/mapped_file.h"
#include "weights/blame.h"
#include "weights/gguf_model.h"
#include "weights/onnx.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

namespace winnow {
namespace {

// The folder's file *.gguf; empty when it has none.
std::string only_gguf(const std::string& folder) {
  std::error_code error;
  std::string found;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string path = entry->path().string();
    if (!path.ends_with(".gguf")) continue;
    if (!found.empty())
      fail(Code::kInvalidArgument, folder, ": want one file *.gguf, got ",
           std::filesystem::path(std::min(found, path)).filename().string(), " and ",
           std::filesystem::path(std::max(found, path)).filename().string(),
           ": name the one that you want");
    found = path;
  }
  return found;
}

}  // namespace

std::shared_ptr<const Checkpoint> Checkpoint::open(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return open_folder(path);
  if (path.ends_with(".gguf")) return open_gguf(path);
  if (path.ends_with(".onnx")) return open_onnx(path);
  if (path.ends_with(".safetensors") || path.ends_with(".safetensors.index.json"))
    return open_safetensors(path);
  for (const char* end : {".bin", ".pt", ".pth", ".bin.index.json"})
    if (path.ends_with(end)) return open_torch(path);
  if (!std::filesystem::exists(path, ignored))
    fail(Code::kNotFound, path, ": want a model's file or folder, got nothing of that name");
  fail(Code::kUnsupported, path,
       ": want a folder or a file *.safetensors, *.safetensors.index.json, *.gguf, *.onnx, *.bin, "
       "*.bin.index.json, *.pt or *.pth");
}

std::shared_ptr<const Checkpoint> Checkpoint::open_folder(const std::string& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    fail(Code::kNotFound, folder, ": want a model's folder, got ",
         std::filesystem::exists(folder, ignored) ? "a file" : "nothing of that name");
  const auto file = [&](const char* name) -> std::string {
    const std::string path = (std::filesystem::path(folder) / name).string();
    return std::filesystem::exists(path, ignored) ? path : "";
  };
  if (const std::string path = gguf_in(folder); !path.empty()) return open_gguf(path);
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"})
    if (const std::string path = file(name); !path.empty()) return open(path);
  for (const char* name :
       {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.onnx", "onnx/model.onnx"})
    if (const std::string path = file(name); !path.empty()) return open(path);
  fail(
      Code::kNotFound, folder,
      ": want model.safetensors, model.safetensors.index.json, a file *.gguf, "
      "pytorch_model.bin, pytorch_model.bin.index.json, model.onnx or onnx/model.onnx, got none of "
      "them");
}

std::string Checkpoint::gguf_in(const std::string& folder) {
  std::error_code ignored;
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"})
    if (std::filesystem::exists(std::filesystem::path(folder) / name, ignored)) return "";
  return only_gguf(folder);
}

std::shared_ptr<const Checkpoint> Checkpoint::open_safetensors(const std::string& path) {
  return path.ends_with(".json") ? open_sharded_safetensors(path) : open_safetensors_file(path);
}

std::shared_ptr<const Checkpoint> Checkpoint::open_torch(const std::string& path) {
  return path.ends_with(".json") ? open_sharded_torch(path) : open_torch_file(path);
}

std::shared_ptr<const Checkpoint> Checkpoint::open_gguf(const std::string& path) {
  return gguf_checkpoint(GgufFile::open(path));
}

Json Checkpoint::safetensors_metadata(const std::string& path) {
  return read_safetensors_metadata(MappedFile::open(path)->bytes(), path);
}

std::shared_ptr<const Checkpoint> Checkpoint::open_onnx(const std::string& path) {
  const auto file = MappedFile::open(path);
  return onnx_checkpoint(file->bytes(), path, file);
}

}  // namespace winnow
