#include "weights/checkpoint.h"

#include <filesystem>
#include <system_error>

#include "base/mapped_file.h"
#include "weights/blame.h"
#include "weights/onnx.h"
#include "weights/safetensors.h"

namespace winnow {

std::shared_ptr<const Checkpoint> Checkpoint::open_folder(const std::string& folder) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored))
    fail(Code::kNotFound, folder, ": want a model's folder, got ",
         std::filesystem::exists(folder, ignored) ? "a file" : "nothing of that name");
  for (const char* name :
       {"model.safetensors", "model.safetensors.index.json", "model.onnx", "onnx/model.onnx"}) {
    const std::string path = (std::filesystem::path(folder) / name).string();
    if (!std::filesystem::exists(path, ignored)) continue;
    return path.ends_with(".onnx") ? open_onnx(path) : open_safetensors(path);
  }
  fail(Code::kNotFound, folder,
       ": want model.safetensors, model.safetensors.index.json, model.onnx or onnx/model.onnx, got "
       "none of them");
}

std::shared_ptr<const Checkpoint> Checkpoint::open_safetensors(const std::string& path) {
  return path.ends_with(".json") ? open_sharded_safetensors(path) : open_safetensors_file(path);
}

std::shared_ptr<const Checkpoint> Checkpoint::open_onnx(const std::string& path) {
  const auto file = MappedFile::open(path);
  return onnx_checkpoint(file->bytes(), path, file);
}

}  // namespace winnow
