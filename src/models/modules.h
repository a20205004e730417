// An embedder's modules: what sentence-transformers runs after the Transformer, in the order of
// modules.json. Source: sentence-transformers, modules/pooling.py, dense.py, layer_norm.py.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/heads.h"

namespace winnow {

// "cls", "max", "mean", "mean_sqrt_len", "weightedmean", "lasttoken", and those that
// sentence-transformers writes for them. Throws kInvalidArgument naming them.
Pooling pooling_named(std::string_view name);
std::string_view name_of(Pooling pooling);

struct Module {
  enum class Kind { kPooling, kDense, kLayerNorm, kNormalize };
  Kind kind = Kind::kPooling;
  std::vector<Pooling> pooling{};  // kPooling: several side by side, in this order
  bool include_prompt = true;      // kPooling: false: the prompt's tokens do not count
  std::string activation{};        // kDense: the class's last name: Tanh, Identity ...
  std::shared_ptr<const Checkpoint> checkpoint{};  // kDense: linear.*; kLayerNorm: norm.*
};

// The modules as one head. The first must be a pooling; a Normalize at the very end is left out: a
// request says whether it wants that. Throws kUnsupported naming what there is no room for,
// kCorrupt where widths disagree.
std::unique_ptr<Head> make_modules(const std::vector<Module>& modules, int64_t hidden_size,
                                   const Kernels& kernels);

// The same on every token alone: [T, D] to [T, C]. Dense and LayerNorm, or one linear layer.
std::unique_ptr<Head> make_token_modules(const std::vector<Module>& modules, int64_t hidden_size,
                                         const Kernels& kernels);
std::unique_ptr<Head> make_token_linear(Linear linear, int64_t hidden_size, std::string path);

}  // namespace winnow
