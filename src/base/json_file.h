// A JSON file that may be there.
#pragma once

#include <optional>
#include <string>

#include "base/json.h"

namespace winnow {

// Empty when there is no such file. Throws kIo when it cannot be read, kCorrupt with the byte
// offset where it is no JSON; the path opens every message.
std::optional<Json> read_json(const std::string& path);

}  // namespace winnow
