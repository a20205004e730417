// A model from the Hugging Face hub into the hub's standard cache layout. Thread-safe, across
// processes too.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "hub/cache.h"
#include "hub/pull.h"

namespace winnow {

// True when the revision is a whole commit hash, whose files never change.
bool is_commit(const HubId& id);

// The files of a repository that winnow uses: configuration, tokenizer, sentence-transformers'
// modules, and one form of the weights: model.safetensors, else its shards, else onnx/model.onnx,
// else model.onnx, else pytorch_model.bin. Weights come last. Throws kCorrupt when a name would
// leave its folder, kUnsupported when there is no configuration, no tokenizer or no weights.
std::vector<std::string> choose_files(std::span<const std::string> files);

// Fetches what is not there yet and returns the snapshot's folder. Throws as pull does.
std::string pull_from_hub(const HubId& id, const PullOptions& options);

}  // namespace winnow
