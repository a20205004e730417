// Where models are on disk: winnow's own folder of named models, and the Hugging Face hub's cache
// in its standard layout (docs/formats/model_cache.md). Reads folders and never the network.
// Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// $WINNOW_MODELS, else $XDG_CACHE_HOME/winnow/models, else ~/.cache/winnow/models. It need not
// exist.
std::string models_folder();

// $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
// ~/.cache/huggingface/hub.
std::string hub_folder();

enum class ModelSource { kNamed, kHub };

struct CachedModel {
  std::string name;    // what resolve_model takes: "bge-small-en", "org/name", "org/name@revision"
  std::string folder;  // that holds its files
  int64_t bytes;       // of all files, what links point to included
  ModelSource source;
};

// Every model that is on this machine whole, named ones first, each kind by name. Folders that
// cannot be read are as if empty.
std::vector<CachedModel> cached_models();

// The folder that holds the model's files. `model` is, in this order: the path of a folder; a name
// in models_folder(); a hub id "org/name" or "org/name@revision" (a branch, a tag, a commit).
// Throws kNotFound with the command that would get it and the nearest name that winnow knows;
// kInvalidArgument when it is empty.
std::string resolve_model(std::string_view model);

// A model on the hub.
struct HubId {
  std::string id;                 // "org/name"
  std::string revision = "main";  // a branch, a tag or a commit
};

// "org/name" or "org/name@revision"; empty when the text is neither. Every part is safe as a file
// name.
std::optional<HubId> parse_hub_id(std::string_view text);

// "models--org--name", the folder of a model in the hub's cache.
std::string hub_folder_name(const HubId& id);

// The folder of a revision that is whole in the hub's cache; empty when it is not.
std::optional<std::string> find_snapshot(const HubId& id);

// What a folder in the hub's layout lacks to be a model that winnow can read ("config.json", "a
// tokenizer", "weights", a shard's name); empty when it lacks nothing.
std::string missing_part(const std::string& folder);

}  // namespace winnow
