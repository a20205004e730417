// Names that a hub's listing, or a user, may send: what passes stays inside its folder.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "hub/cache.h"
#include "hub/hub_pull.h"

namespace {

void want_inside(const std::string& name) {
  const std::filesystem::path joined =
      (std::filesystem::path("/cache/folder") / name).lexically_normal();
  if (!joined.string().starts_with("/cache/folder/") || name.find('\0') != std::string::npos)
    std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<std::string> names = {"config.json", "tokenizer.json", "model.onnx"};
  std::string name;
  for (size_t i = 0; i <= size; ++i) {
    if (i < size && data[i] != '\n') {
      name += static_cast<char>(data[i]);
      continue;
    }
    if (const auto id = winnow::parse_hub_id(name)) {
      want_inside(id->revision);
      want_inside(winnow::hub_folder_name(*id));
      if (winnow::hub_folder_name(*id).find('/') != std::string::npos) std::abort();
    }
    names.push_back(std::move(name));
    name.clear();
  }
  try {
    for (const std::string& file : winnow::choose_files(names)) want_inside(file);
  } catch (const winnow::Error&) {
  }
  return 0;
}
