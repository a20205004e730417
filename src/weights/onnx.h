// ONNX files as containers of weights. Internal to weights; docs/formats/onnx.md says what is read
// and what is refused.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "weights/checkpoint.h"
#include "weights/onnx_graph.h"

namespace winnow {

// The checkpoint in `bytes`, which live as long as `keep`. Throws kCorrupt with the byte offset,
// kUnsupported.
std::shared_ptr<const Checkpoint> onnx_checkpoint(std::span<const std::byte> bytes,
                                                  const std::string& path,
                                                  std::shared_ptr<const void> keep);

// What the graph says of the model's shape (Checkpoint::implied_config), `tensors` being its
// weights by their names.
Json config_of_graph(const OnnxGraph& graph, const Checkpoint& tensors);

}  // namespace winnow
