// Where the real models of `winnow pull` are, for tests that need one.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace winnow::test {

// The folder of a model in $WINNOW_MODELS, else in the cache that `winnow pull` fills; empty when
// it is not there. A test that goes without prints why_skipped.
inline std::optional<std::string> real_model(const std::string& name) {
  const char* models = std::getenv("WINNOW_MODELS");
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string base = models  ? models
                           : cache ? std::string(cache) + "/winnow/models"
                                   : std::string(home ? home : "") + "/.cache/winnow/models";
  const std::string folder = base + "/" + name;
  if (!std::filesystem::is_directory(folder)) return std::nullopt;
  return folder;
}

inline std::string why_skipped(const std::string& name) {
  return "skipped: no model " + name + " here; `winnow pull " + name + "` gets it";
}

}  // namespace winnow::test
