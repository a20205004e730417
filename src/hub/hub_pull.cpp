#include "hub/hub_pull.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <string_view>

#include "base/error.h"
#include "hub/digest.h"
#include "hub/disk.h"
#include "hub/hub_client.h"

namespace winnow {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kConfiguration[] = {"config.json", "config_sentence_transformers.json",
                                               "modules.json", "sentence_bert_config.json"};
constexpr std::string_view kTokenizer[] = {"tokenizer.json",
                                           "tokenizer_config.json",
                                           "special_tokens_map.json",
                                           "added_tokens.json",
                                           "vocab.txt",
                                           "vocab.json",
                                           "merges.txt"};

// "1_Pooling" of "1_Pooling/config.json": a sentence-transformers module's folder; empty when it is
// none.
std::string module_folder(const std::string& path) {
  const size_t slash = path.find('/'), digits = path.find_first_not_of("0123456789");
  if (slash == std::string::npos || path.find('/', slash + 1) != std::string::npos) return "";
  if (digits == 0 || digits > slash || path[digits] != '_') return "";
  return path.substr(0, slash);
}

// "model-00001-of-00002.safetensors", "pytorch_model-00001-of-00002.bin".
struct ShardedForm {
  const char *whole, *index, *start, *end;
};
constexpr ShardedForm kSafetensors{"model.safetensors", "model.safetensors.index.json", "model-",
                                   ".safetensors"};
constexpr ShardedForm kPyTorch{"pytorch_model.bin", "pytorch_model.bin.index.json",
                               "pytorch_model-", ".bin"};

// The one file or its shards with their index, the index last; empty when there is neither.
std::vector<std::string> files_of(const ShardedForm& form, const std::set<std::string>& all) {
  if (all.contains(form.whole)) return {form.whole};
  if (!all.contains(form.index)) return {};
  std::vector<std::string> chosen;
  for (const std::string& path : all)
    if (path.starts_with(form.start) && path.ends_with(form.end) &&
        path.find('/') == std::string::npos)
      chosen.push_back(path);
  if (!chosen.empty()) chosen.emplace_back(form.index);
  return chosen;
}

// The one form of the weights that is taken, without modules; empty when there is none.
std::vector<std::string> choose_weights(const std::set<std::string>& all) {
  std::vector<std::string> chosen;
  for (const ShardedForm& form : {kSafetensors, kPyTorch})
    if (chosen = files_of(form, all); !chosen.empty()) return chosen;
  for (const std::string onnx : {"onnx/model.onnx", "model.onnx"}) {
    if (!all.contains(onnx)) continue;
    for (const std::string& outside : {onnx + "_data", onnx + ".data"})  // weights kept apart
      if (all.contains(outside)) chosen.push_back(outside);
    chosen.push_back(onnx);
    return chosen;
  }
  return {};
}

bool is_blob(const std::string& path, const HubFile& file) {
  std::error_code error;
  const uintmax_t bytes = fs::file_size(path, error);
  return !error && (!file.bytes || bytes == static_cast<uintmax_t>(*file.bytes));
}

// One repository in the cache.
struct Repository {
  Repository(const HubId& id, bool loud_locks)
      : folder(hub_folder() + "/" + hub_folder_name(id)),
        locks(hub_folder() + "/.locks/" + hub_folder_name(id)),
        loud(loud_locks) {}

  std::string blob(const HubFile& file) const { return folder + "/blobs/" + file.etag; }

  const std::string folder, locks;
  const bool loud;
};

// Makes blobs/<etag> be there, whole and checked.
void fetch_blob(HubClient& client, const Repository& repository, const std::string& commit,
                const HubFile& file) {
  const std::string blob = repository.blob(file), incomplete = blob + ".incomplete";
  const FileLock lock(repository.locks + "/" + file.etag + ".lock", repository.loud);
  if (is_blob(blob, file)) return;  // it is named by its hash and was renamed only when checked
  while (true) {
    std::error_code absent;
    const bool resumed = fs::file_size(incomplete, absent) > 0 && !absent;
    std::string got;
    try {
      client.download(commit, file, incomplete);
      got = file.etag.size() == 64 ? sha256_of(incomplete) : git_blob_sha1_of(incomplete);
    } catch (const Error& error) {
      if (error.code() == Code::kCorrupt) fs::remove(incomplete, absent);
      throw;
    }
    if (got == file.etag) break;
    fs::remove(incomplete, absent);
    if (!resumed)
      fail(Code::kCorrupt, "pull: ", file.path, ": want ",
           file.etag.size() == 64 ? "SHA-256 " : "git SHA-1 ", file.etag, ", got ", got,
           "; the download was thrown away");
    // What an earlier pull left was no beginning of this file: once more from nothing.
  }
  rename_over(incomplete, blob);
}

void link_file(const Repository& repository, const std::string& snapshot, const HubFile& file) {
  const std::string path = snapshot + "/" + file.path;
  make_folders(fs::path(path).parent_path());
  std::string up = "../../";
  for (const char c : file.path)
    if (c == '/') up += "../";
  const std::string target = up + "blobs/" + file.etag;
  std::error_code none;
  if (fs::read_symlink(path, none) != target) replace_link(path, target, repository.folder);
}

}  // namespace

bool is_commit(const HubId& id) { return is_hex(id.revision, 40); }

std::vector<std::string> choose_files(std::span<const std::string> files) {
  std::set<std::string> all;
  for (const std::string& file : files) {
    if (!safe_relative(file))
      fail(Code::kCorrupt, "pull: the listing names '", file, "', which would leave its folder");
    all.insert(file);
  }
  std::vector<std::string> chosen;
  for (const std::string_view name : kConfiguration)
    if (all.contains(std::string(name))) chosen.emplace_back(name);
  for (const std::string_view name : kTokenizer)
    if (all.contains(std::string(name))) chosen.emplace_back(name);
  for (const std::string& file : all) {
    const std::string module = module_folder(file);
    if (module.empty()) continue;
    if (file == module + "/config.json" || file == module + "/model.safetensors" ||
        (file == module + "/pytorch_model.bin" && !all.contains(module + "/model.safetensors")))
      chosen.push_back(file);
  }
  const std::vector<std::string> weights = choose_weights(all);
  const char* absent =
      weights.empty()
          ? "weights (model.safetensors or pytorch_model.bin, their shards, or model.onnx)"
      : !all.contains("config.json") ? "config.json"
      : !all.contains("tokenizer.json") && !all.contains("vocab.txt") && !all.contains("vocab.json")
          ? "a tokenizer (tokenizer.json or vocab.txt)"
          : nullptr;
  if (absent)
    fail(Code::kUnsupported, "pull: want ", absent, " in the repository, got none among its ",
         files.size(), " files");
  chosen.insert(chosen.end(), weights.begin(), weights.end());
  return chosen;
}

std::string pull_from_hub(const HubId& id, const PullOptions& options) {
  HubClient client(hub_server(), id, options);
  const Repository repository(id, options.progress);
  const HubListing listing = client.list();
  std::vector<HubFile> files;
  int64_t lacking_bytes = 0;
  for (const std::string& path : choose_files(listing.files)) {
    files.push_back(client.inspect(listing.commit, path));
    if (!is_blob(repository.blob(files.back()), files.back())) {
      std::error_code absent;
      const uintmax_t have = fs::file_size(repository.blob(files.back()) + ".incomplete", absent);
      lacking_bytes += files.back().bytes.value_or(0) - (absent ? 0 : static_cast<int64_t>(have));
    }
  }
  make_folders(repository.folder + "/blobs");
  make_folders(repository.folder + "/refs");
  require_space(repository.folder, lacking_bytes);
  for (const HubFile& file : files) fetch_blob(client, repository, listing.commit, file);
  sync_folder(repository.folder + "/blobs");
  // The snapshot is seen only when every blob is there, and a branch points to it only when every
  // link is.
  const std::string snapshot = repository.folder + "/snapshots/" + listing.commit;
  for (const HubFile& file : files) link_file(repository, snapshot, file);
  sync_folder(snapshot);
  if (const std::string missing = missing_part(snapshot); !missing.empty())
    fail(Code::kUnsupported, "pull ", id.id, ": want ", missing, " in the repository, got none");
  if (!is_commit(id)) {
    const std::string ref = repository.folder + "/refs/" + id.revision;
    make_folders(fs::path(ref).parent_path());
    replace_file(ref, listing.commit, repository.folder);
  }
  return snapshot;
}

}  // namespace winnow
