// The few of ONNX's messages that say where weights are and what they are called. Internal to
// weights. Source: onnx/onnx.proto3 (ONNX IR 3 to 10).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/wire_reader.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace winnow {

// Bytes of tensors that the file spells as varints; everything else is used where it lies.
using Decoded = std::deque<std::vector<std::byte>>;

struct OnnxTensor {
  std::string_view name;
  DType dtype = DType::f32;
  Shape shape;
  const std::byte* data = nullptr;  // little-endian, of any alignment
  int64_t bytes = 0;
  int64_t offset = 0;       // of the message in the file
  int64_t data_offset = 0;  // of the data in the file

  std::vector<double> numbers() const;  // its elements; wants f32, f64 or an integer type
};

struct OnnxAttribute {
  std::string_view name, text;
  int64_t integer = 0;
  float real = 0;
  std::vector<WireReader> tensor;  // one or none: not read until asked for
};

struct OnnxNode {
  std::string_view name, op;
  std::vector<std::string_view> inputs, outputs;
  std::vector<OnnxAttribute> attributes;  // value, transB, epsilon, approximate: no others
  int64_t offset = 0;

  const OnnxAttribute* attribute(std::string_view name) const;  // null when absent
};

struct OnnxGraph {
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> initializers;
  Decoded decoded;
};

// The outermost graph, its views pointing into `bytes`. Graphs within nodes (If, Loop) are passed
// over. Throws kCorrupt with the byte offset; kUnsupported for external data, sparse initializers,
// other element types.
OnnxGraph read_onnx_graph(std::span<const std::byte> bytes, const std::string& path);

// One TensorProto; what has to be decoded is put at the end of `decoded`.
OnnxTensor read_onnx_tensor(WireReader message, Decoded& decoded);

}  // namespace winnow
