#include "weights/onnx_graph.h"

#include <bit>
#include <cstring>
#include <optional>

#include "weights/blame.h"
#include "weights/stored_shape.h"

namespace winnow {
namespace {

static_assert(std::endian::native == std::endian::little,
              "weights are used as they lie in the file");

constexpr size_t kMostNodes =
    1'000'000;  // a large encoder has 10,000; an empty node costs 2 bytes of a file

// Field numbers of onnx.proto3.
namespace model {
constexpr uint32_t kGraph = 7;
}
namespace graph {
constexpr uint32_t kNode = 1, kInitializer = 5, kSparseInitializer = 15;
}
namespace node {
constexpr uint32_t kInput = 1, kOutput = 2, kName = 3, kOp = 4, kAttribute = 5;
}
namespace attribute {
constexpr uint32_t kName = 1, kReal = 2, kInteger = 3, kText = 4, kTensor = 5;
}
namespace tensor {
constexpr uint32_t kDims = 1, kType = 2, kSegment = 3, kFloats = 4, kInt32s = 5, kInt64s = 7,
                   kName = 8, kRaw = 9, kDoubles = 10, kExternal = 13, kLocation = 14;
}

// TensorProto.DataType, and the field that holds such elements when raw_data does not.
struct TypeRow {
  int64_t type;
  DType dtype;
  uint32_t field;
};
constexpr TypeRow kTypes[] = {
    {1, DType::f32, tensor::kFloats},     {2, DType::u8, tensor::kInt32s},
    {3, DType::i8, tensor::kInt32s},      {5, DType::i16, tensor::kInt32s},
    {6, DType::i32, tensor::kInt32s},     {7, DType::i64, tensor::kInt64s},
    {9, DType::boolean, tensor::kInt32s}, {10, DType::f16, tensor::kInt32s},
    {11, DType::f64, tensor::kDoubles},   {16, DType::bf16, tensor::kInt32s}};

// What a TensorProto says of itself, before its elements are looked at.
struct TensorHead {
  std::string_view name;
  std::vector<int64_t> dims;
  int64_t type = 0;
  std::optional<WireField> raw;
  bool external = false, segmented = false;
};

TensorHead read_head(WireReader message) {
  TensorHead head;
  for (WireField field; message.next(field);) switch (field.number) {
      case tensor::kDims:
        message.integers(field, [&](int64_t dim) { head.dims.push_back(dim); });
        break;
      case tensor::kType:
        head.type = message.integer(field);
        break;
      case tensor::kName:
        head.name = message.text(field);
        break;
      case tensor::kSegment:
        head.segmented = true;
        break;
      case tensor::kExternal:
        head.external = true;
        break;
      case tensor::kLocation:
        head.external |= message.integer(field) != 0;
        break;
      case tensor::kRaw:
        if (head.raw) corrupt(message.path(), field.offset, "want raw_data once, got it again");
        message.bytes(field);
        head.raw = field;
        break;
    }
  return head;
}

// The elements of a typed field. Reals lie packed as they are used, unless a writer did not pack
// them; integers are varints and must be decoded.
void read_typed(WireReader message, const TypeRow& row, OnnxTensor& out, Decoded& decoded) {
  std::vector<std::byte> gathered;
  std::span<const std::byte> packed;
  const auto append = [&](const void* from, size_t width) {
    const auto* bytes = static_cast<const std::byte*>(from);
    gathered.insert(gathered.end(), bytes, bytes + width);
  };
  const auto width = static_cast<size_t>(size_of(row.dtype));
  const bool real = row.field == tensor::kFloats || row.field == tensor::kDoubles;
  for (WireField field; message.next(field);) {
    if (field.number != row.field) continue;
    if (!real) {
      message.integers(field, [&](int64_t value) { append(&value, width); });
    } else if (field.wire == Wire::bytes && packed.empty() && gathered.empty()) {
      packed = field.bytes;
      out.data_offset = field.bytes_offset;
    } else {
      append(packed.data(), packed.size());
      packed = {};
      if (field.wire == Wire::bytes)
        append(field.bytes.data(), field.bytes.size());
      else if (field.wire == (width == 4 ? Wire::fixed32 : Wire::fixed64))
        append(&field.value, width);
      else
        corrupt(message.path(), field.offset, "want reals of ", width, " bytes, got wire type ",
                static_cast<int>(field.wire));
    }
  }
  if (!gathered.empty()) packed = decoded.emplace_back(std::move(gathered));
  out.data = packed.data();
  out.bytes = static_cast<int64_t>(packed.size());
}

OnnxAttribute read_attribute(WireReader message) {
  OnnxAttribute out;
  for (WireField field; message.next(field);) switch (field.number) {
      case attribute::kName:
        out.name = message.text(field);
        break;
      case attribute::kReal:
        out.real = message.real(field);
        break;
      case attribute::kInteger:
        out.integer = message.integer(field);
        break;
      case attribute::kText: {
        const auto raw = message.bytes(field);  // bytes, not text, by the format
        out.text = {reinterpret_cast<const char*>(raw.data()), raw.size()};
        break;
      }
      case attribute::kTensor:
        if (!out.tensor.empty()) corrupt(message.path(), field.offset, "want one tensor, got two");
        out.tensor.push_back(message.message(field));
        break;
    }
  return out;
}

// The attributes that some reader of the graph asks for. Others are dropped, so that a graph takes
// memory in proportion to its file.
bool is_read(std::string_view name) {
  return name == "value" || name == "transB" || name == "epsilon" || name == "approximate";
}

OnnxNode read_node(WireReader message) {
  OnnxNode out;
  out.offset = message.offset();
  for (WireField field; message.next(field);) switch (field.number) {
      case node::kInput:
        out.inputs.push_back(message.text(field));
        break;
      case node::kOutput:
        out.outputs.push_back(message.text(field));
        break;
      case node::kName:
        out.name = message.text(field);
        break;
      case node::kOp:
        out.op = message.text(field);
        break;
      case node::kAttribute: {
        OnnxAttribute attribute = read_attribute(message.message(field));
        if (is_read(attribute.name)) out.attributes.push_back(std::move(attribute));
        break;
      }
    }
  return out;
}

}  // namespace

std::vector<double> OnnxTensor::numbers() const {
  std::vector<double> out(static_cast<size_t>(shape.elements()));
  const auto fill = [&]<typename T>(T) {
    for (size_t i = 0; i < out.size(); ++i) {
      T value;
      std::memcpy(&value, data + i * sizeof value, sizeof value);
      out[i] = static_cast<double>(value);
    }
  };
  switch (dtype) {
    case DType::f32:
      fill(float{});
      break;
    case DType::f64:
      fill(double{});
      break;
    case DType::i64:
      fill(int64_t{});
      break;
    case DType::i32:
      fill(int32_t{});
      break;
    case DType::i16:
      fill(int16_t{});
      break;
    case DType::i8:
      fill(int8_t{});
      break;
    case DType::u8:
    case DType::boolean:
      fill(uint8_t{});
      break;
    default:
      fail(Code::kUnsupported, "tensor ", shown_name(name), ": want plain numbers, got ", dtype);
  }
  return out;
}

const OnnxAttribute* OnnxNode::attribute(std::string_view want) const {
  for (const OnnxAttribute& each : attributes)
    if (each.name == want) return &each;
  return nullptr;
}

OnnxTensor read_onnx_tensor(WireReader message, Decoded& decoded) {
  const TensorHead head = read_head(message);
  const std::string& path = message.path();
  OnnxTensor out;
  out.name = head.name;
  out.offset = out.data_offset = message.offset();
  if (head.external)
    unsupported(path, out.offset, "tensor ", shown_name(head.name),
                ": want its data in this file, got external data: save the model as one file");
  if (head.segmented)
    unsupported(path, out.offset, "tensor ", shown_name(head.name),
                ": want it whole, got a segment");
  const TypeRow* row = nullptr;
  for (const TypeRow& each : kTypes)
    if (each.type == head.type) row = &each;
  if (!row)
    unsupported(path, out.offset, "tensor ", shown_name(head.name),
                ": want data type 1 2 3 5 6 7 9 10 11 or 16, got ", head.type);
  out.dtype = row->dtype;
  if (head.raw) {
    out.data = head.raw->bytes.data();
    out.bytes = static_cast<int64_t>(head.raw->bytes.size());
    out.data_offset = head.raw->bytes_offset;
  } else {
    read_typed(message, *row, out, decoded);
  }
  out.shape = checked_shape(head.dims, out.dtype, out.bytes, path, out.offset, head.name);
  return out;
}

OnnxGraph read_onnx_graph(std::span<const std::byte> bytes, const std::string& path) {
  WireReader message(bytes, 0, path);
  std::optional<WireField> found;
  for (WireField field; message.next(field);) {
    if (field.number != model::kGraph) continue;
    if (found) corrupt(path, field.offset, "want one graph, got another at byte ", found->offset);
    found = field;
  }
  if (!found) corrupt(path, 0, "want an ONNX model, got no graph in ", bytes.size(), " bytes");
  OnnxGraph out;
  WireReader graph_message = message.message(*found);
  for (WireField field; graph_message.next(field);) switch (field.number) {
      case graph::kNode:
        if (out.nodes.size() == kMostNodes)
          unsupported(path, field.offset, "want at most ", kMostNodes, " nodes, got more");
        out.nodes.push_back(read_node(graph_message.message(field)));
        break;
      case graph::kInitializer:
        out.initializers.push_back(read_onnx_tensor(graph_message.message(field), out.decoded));
        break;
      case graph::kSparseInitializer:
        unsupported(path, field.offset, "want dense initializers, got a sparse one");
    }
  return out;
}

}  // namespace winnow
