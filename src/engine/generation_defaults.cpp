#include "engine/generation_defaults.h"

#include <limits>

#include "base/error.h"
#include "base/json_file.h"

namespace winnow {

GenerationDefaults read_generation_defaults(const std::string& folder) {
  GenerationDefaults defaults;
  const std::string path = folder + "/generation_config.json";
  const std::optional<Json> file = read_json(path);
  if (!file) return defaults;
  const Json& config = *file;
  require(config.is_object(), path, ": want an object, got ", config.kind());
  SamplingOptions& s = defaults.sampling;
  const auto number = [&](const char* key, float& value) {
    value = static_cast<float>(config.number(key, value));
  };
  number("temperature", s.temperature);
  number("top_p", s.top_p);
  number("min_p", s.min_p);
  number("repetition_penalty", s.repetition_penalty);
  s.top_k = static_cast<int>(config.integer("top_k", 0));
  try {
    check_sampling(s, std::numeric_limits<int32_t>::max());
  } catch (const Error& error) {
    fail(error.code(), path, ": ", error.what());
  }
  return defaults;
}

}  // namespace winnow
