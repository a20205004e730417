// PyTorch's files (pytorch_model.bin, *.pt, *.pth): a pickled state dict and its storages, in a ZIP
// archive or, before PyTorch 1.6, one after another. Internal to weights; docs/formats/pickle.md
// says what is read and what is refused. Source: torch/serialization.py,
// caffe2/serialize/inline_container.h.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weights/checkpoint.h"

namespace winnow {

// Bytes of tensors whose elements do not lie side by side in the file, packed.
using Repacked = std::deque<std::vector<std::byte>>;

// The tensors of one file, pointing into `bytes`, or into what is put at the end of `repacked`.
// Throws kCorrupt and kUnsupported with the byte offset.
std::vector<StoredTensor> read_torch_file(std::span<const std::byte> bytes, const std::string& path,
                                          Repacked& repacked);

// One file, or the shards that an index names.
std::shared_ptr<const Checkpoint> open_torch_file(const std::string& path);
std::shared_ptr<const Checkpoint> open_sharded_torch(const std::string& index_path);

}  // namespace winnow
