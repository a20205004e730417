// safetensors: a JSON header over a buffer of tensors. Internal to weights;
// docs/formats/safetensors.md says what is read and what is refused. Source: the format's README,
// github.com/huggingface/safetensors.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights/checkpoint.h"

namespace winnow {

// The tensors of one file, pointing into `bytes`, in the header's order. Throws kCorrupt with the
// byte offset, kUnsupported for an element type or rank that winnow has no word for. `path` is for
// messages.
std::vector<StoredTensor> read_safetensors(std::span<const std::byte> bytes,
                                           const std::string& path);

// The object __metadata__ of the header; null when there is none.
Json read_safetensors_metadata(std::span<const std::byte> bytes, const std::string& path);

// A shard index's weight_map: pairs of a tensor's name and the plain name of the file that holds
// it, in the file's order. Throws kCorrupt: not such JSON, a name twice, a file name that leaves
// the folder.
std::vector<std::pair<std::string, std::string>> read_shard_index(std::string_view text,
                                                                  const std::string& path);

// A file of tensors and what their bytes lie in.
struct ShardFile {
  std::vector<StoredTensor> tensors;
  std::vector<std::shared_ptr<const void>> keep;
};
// The checkpoint whose index is at that path, in files that `open` reads.
std::shared_ptr<const Checkpoint> open_shards(const std::string& index_path,
                                              ShardFile (*open)(const std::string& path));

// One file, or the shards that an index names. Throw kNotFound, kCorrupt with file and byte offset.
std::shared_ptr<const Checkpoint> open_safetensors_file(const std::string& path);
std::shared_ptr<const Checkpoint> open_sharded_safetensors(const std::string& index_path);

}  // namespace winnow
