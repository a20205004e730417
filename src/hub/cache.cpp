#include "hub/cache.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "hub/digest.h"
#include "hub/disk.h"
#include "hub/known_models.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

// Empty when the variable is unset or empty.
std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::string user_cache() {
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache;
  if (const std::string home = variable("HOME"); !home.empty()) return home + "/.cache";
  return "/tmp/.cache";  // a service without a home
}

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool is_file(const std::string& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);  // of a link: what it points to
}

// The names in a folder, sorted; none when it cannot be read.
std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(it->path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

int64_t bytes_in(const std::string& folder) {
  int64_t bytes = 0;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator it(folder, options, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code absent;
    if (fs::is_regular_file(it->path(), absent))
      bytes += static_cast<int64_t>(fs::file_size(it->path(), absent));
  }
  return bytes;
}

// The commit that refs/<revision> names; empty when there is none.
std::string ref_commit(const std::string& repository, const std::string& revision) {
  const std::string path = repository + "/refs/" + revision;
  if (!is_file(path)) return "";
  std::string text(MappedFile::open(path)->text());
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return is_hex(text, 40) ? text : "";
}

// The first shard that the index names and the folder lacks; empty when all are there.
std::string missing_shard(const std::string& folder, const std::string& index) {
  const std::string path = folder + "/" + index;
  try {
    const Json json = Json::parse(MappedFile::open(path)->text(), path);
    for (const auto& [tensor, shard] : json.at("weight_map").members()) {
      const std::string name(shard.string());
      if (!safe_relative(name) || !is_file(folder + "/" + name)) return name;
    }
  } catch (const Error&) {
    return index;  // unreadable is as good as absent
  }
  return "";
}

void add_hub_models(std::vector<CachedModel>& models) {
  const std::string hub = hub_folder();
  for (const std::string& entry : names_in(hub)) {
    if (!entry.starts_with("models--")) continue;
    std::string id = entry.substr(8);
    const size_t dashes = id.find("--");
    if (dashes == std::string::npos) continue;
    id.replace(dashes, 2, "/");
    if (!parse_hub_id(id)) continue;
    const std::string repository = hub + "/" + entry;
    std::vector<std::string> revisions, commits;
    std::error_code error;
    const std::string refs = repository + "/refs";
    for (fs::recursive_directory_iterator it(refs, error), end; !error && it != end;
         it.increment(error))
      if (it->is_regular_file(error))
        revisions.push_back(it->path().lexically_relative(refs).string());
    std::sort(revisions.begin(), revisions.end());
    for (const std::string& revision : revisions)
      commits.push_back(ref_commit(repository, revision));
    for (const std::string& commit : names_in(repository + "/snapshots"))
      if (std::find(commits.begin(), commits.end(), commit) == commits.end())
        revisions.push_back(commit);
    for (const std::string& revision : revisions)
      if (const auto folder = find_snapshot({id, revision}))
        models.push_back({revision == "main" ? id : id + "@" + revision, *folder, bytes_in(*folder),
                          ModelSource::kHub});
  }
}

}  // namespace

std::string models_folder() {
  const std::string set = variable("WINNOW_MODELS");
  return set.empty() ? user_cache() + "/winnow/models" : set;
}

std::string hub_folder() {
  if (const std::string set = variable("HF_HUB_CACHE"); !set.empty()) return set;
  if (const std::string home = variable("HF_HOME"); !home.empty()) return home + "/hub";
  return user_cache() + "/huggingface/hub";
}

std::vector<CachedModel> cached_models() {
  std::vector<CachedModel> models;
  const std::string named = models_folder();
  for (const std::string& name : names_in(named))
    if (const std::string folder = named + "/" + name; !name.starts_with('.') && is_folder(folder))
      models.push_back({name, folder, bytes_in(folder), ModelSource::kNamed});
  add_hub_models(models);
  return models;
}

std::string resolve_model(std::string_view model) {
  const std::string name(model);
  require(!name.empty(), "model: want a folder, a name or a hub id, got an empty text");
  if (is_folder(name)) return name;
  if (is_file(name))
    fail(Code::kNotFound, "model ", name, ": want the folder that holds its files, got a file");
  const bool plain =
      safe_relative(name) && !name.starts_with('.') && name.find('/') == std::string::npos;
  const std::string folder = models_folder() + "/" + name;
  if (plain && is_folder(folder)) return folder;
  if (find_known_model(name))
    fail(Code::kNotFound, "model ", name, ": want it in ", models_folder(),
         ", got no such folder; get it with: winnow pull ", name);
  const std::optional<HubId> id = parse_hub_id(name);
  if (!id)
    fail(Code::kNotFound, "model ", name,
         ": want a folder, a known name or a hub id (org/name), got none of them; ",
         known_name_advice(name));
  if (const auto snapshot = find_snapshot(*id)) return *snapshot;
  fail(Code::kNotFound, "model ", name, ": want a folder of that path or all its files in ",
       hub_folder(), ", got neither; get it with: winnow pull ", name, "; ",
       known_name_advice(name));
}

std::optional<HubId> parse_hub_id(std::string_view text) {
  HubId out;
  const size_t at = text.find('@');
  if (at != std::string_view::npos) out.revision = text.substr(at + 1);
  out.id = text.substr(0, at);
  const size_t slash = out.id.find('/');
  if (slash == std::string::npos || !safe_relative(out.id) || !safe_relative(out.revision) ||
      out.id.size() > 200 || out.revision.size() > 200)
    return std::nullopt;
  // "--" parts an organisation from a name in the cache's folder names, and the hub allows it in
  // neither.
  for (const std::string& part : {out.id.substr(0, slash), out.id.substr(slash + 1)}) {
    const bool letters = part.find_first_not_of(
                             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") ==
                         std::string::npos;
    if (!letters || part.starts_with('.') || part.starts_with('-') ||
        part.find("--") != std::string::npos || part.find("..") != std::string::npos)
      return std::nullopt;
  }
  return out;
}

std::string hub_folder_name(const HubId& id) {
  std::string name = "models--" + id.id;
  return name.replace(name.find('/'), 1, "--");
}

std::optional<std::string> find_snapshot(const HubId& id) {
  const std::string repository = hub_folder() + "/" + hub_folder_name(id);
  const std::string commit =
      is_hex(id.revision, 40) ? id.revision : ref_commit(repository, id.revision);
  if (commit.empty()) return std::nullopt;
  std::string folder = repository + "/snapshots/" + commit;
  if (!missing_part(folder).empty()) return std::nullopt;
  return folder;
}

std::string missing_part(const std::string& folder) {
  const auto has = [&](const char* name) { return is_file(folder + "/" + name); };
  if (!has("config.json")) return "config.json";
  if (!has("tokenizer.json") && !has("vocab.txt") && !has("vocab.json")) return "a tokenizer";
  if (has("model.safetensors")) return "";
  if (has("model.safetensors.index.json"))
    return missing_shard(folder, "model.safetensors.index.json");
  for (const char* weights : {"pytorch_model.bin", "onnx/model.onnx", "model.onnx"})
    if (has(weights)) return "";
  if (has("pytorch_model.bin.index.json"))
    return missing_shard(folder, "pytorch_model.bin.index.json");
  return "weights";
}

}  // namespace winnow
