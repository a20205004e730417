#include "base/json_file.h"

#include <filesystem>

#include "base/mapped_file.h"

namespace winnow {

std::optional<Json> read_json(const std::string& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  return Json::parse(MappedFile::open(path)->text(), path);
}

}  // namespace winnow
