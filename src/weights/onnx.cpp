#include "weights/onnx.h"

#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "base/mapped_file.h"
#include "weights/blame.h"
#include "weights/named_tensors.h"

namespace winnow {
namespace {

constexpr std::string_view kQuantized = "_quantized";

// "MatMul", "MatMul_1", "MatMul_quant", "Gemm_MatMul_quant": the part of a node's name that its
// exporter or its quantizer added to the module's path.
bool names_a_product(std::string_view part) {
  if (part.ends_with("_quant")) part.remove_suffix(6);
  const size_t digits = part.find_last_not_of("0123456789");
  if (digits != std::string_view::npos && digits + 1 < part.size() && part[digits] == '_')
    part = part.substr(0, digits);
  return part == "MatMul" || part == "Gemm" || part == "Gemm_MatMul";
}

// "/bert/pooler/dense/Gemm_MatMul_quant" -> "bert.pooler.dense"; empty when the name has no such
// form.
std::string module_of(std::string_view node_name) {
  const size_t slash = node_name.rfind('/');
  if (slash == std::string_view::npos || !names_a_product(node_name.substr(slash + 1))) return {};
  std::string path(node_name.substr(0, slash));
  for (char& c : path)
    if (c == '/') c = '.';
  path.erase(0, path.find_first_not_of('.'));  // all of it when there is nothing else
  return path;
}

// Finds which initializers are parameters, and their names.
class ParameterNamer {
 public:
  ParameterNamer(const OnnxGraph& graph, const std::string& path) : graph_(graph), path_(path) {
    for (const OnnxTensor& tensor : graph.initializers)
      name_tensor(tensor.name, tensor, tensor.offset);
    // An exporter keeps one of several equal tensors and lets Identity nodes give it the other
    // names.
    for (const OnnxNode& node : graph.nodes)
      if (node.op == "Identity" && node.inputs.size() == 1 && node.outputs.size() == 1)
        if (const OnnxTensor* tensor = initializer(node.inputs[0]))
          name_tensor(node.outputs[0], *tensor, node.offset);
  }

  std::vector<StoredTensor> run() {
    for (const OnnxNode& node : graph_.nodes) {
      if (node.op == "MatMulInteger") take_quantized_product(node);
      if (node.op == "MatMul" || node.op == "Gemm") take_product(node);
    }
    for (const auto& [name, tensor] : named_)
      if (!used_.contains(name) && name.ends_with(kQuantized)) take_table(name, *tensor);
    for (const auto& [name, tensor] : named_)
      if (!used_.contains(name)) put(std::string(name), name, *tensor, false, {});
    return std::move(out_);
  }

 private:
  void name_tensor(std::string_view name, const OnnxTensor& tensor, int64_t offset) {
    if (name.empty()) corrupt(path_, offset, "want an initializer with a name");
    const auto [at, is_new] = by_name_.emplace(name, &tensor);
    if (!is_new)
      corrupt(path_, offset, "want one tensor ", shown_name(name), ", got another at byte ",
              at->second->offset);
    named_.emplace_back(name, &tensor);
  }

  const OnnxTensor* initializer(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second;
  }

  // `stored`: the name by which the graph knows it. A module that runs twice names its weight
  // twice: the same tensor is one parameter, two tensors are a mistake that NamedTensors reports.
  void put(std::string name, std::string_view stored, const OnnxTensor& tensor, bool transposed,
           Quantization quantization) {
    used_.insert(stored);
    const auto [at, is_new] = placed_.emplace(name, &tensor);
    if (!is_new && at->second == &tensor) return;
    out_.push_back({.name = std::move(name),
                    .dtype = tensor.dtype,
                    .shape = tensor.shape,
                    .transposed = transposed,
                    .data = tensor.data,
                    .bytes = tensor.bytes,
                    .quantization = std::move(quantization),
                    .file_offset = tensor.data_offset});
  }

  // Exporters that fold a transposition into a weight rename it (`onnx::MatMul_123`); then the node
  // still has the module's path.
  std::string parameter_name(std::string_view stored, const OnnxNode& node) const {
    const std::string module = stored.ends_with(".weight") ? std::string() : module_of(node.name);
    return module.empty() ? std::string(stored) : module + ".weight";
  }

  void take_product(const OnnxNode& node) {
    const OnnxTensor* weight = node.inputs.size() > 1 ? initializer(node.inputs[1]) : nullptr;
    if (!weight || weight->shape.rank() != 2) return;  // two activations, or a scalar
    const OnnxAttribute* flipped = node.op == "Gemm" ? node.attribute("transB") : nullptr;
    put(parameter_name(node.inputs[1], node), node.inputs[1], *weight,
        !(flipped && flipped->integer != 0), {});
  }

  void take_quantized_product(const OnnxNode& node) {
    const OnnxTensor* weight = node.inputs.size() > 1 ? initializer(node.inputs[1]) : nullptr;
    if (!weight) return;  // a product of two activations
    const std::string_view name = node.inputs[1];
    if (weight->shape.rank() != 2)
      unsupported(path_, weight->offset, "tensor ", shown_name(name),
                  ": want a product's weight of 2 dimensions, got ", weight->shape);
    if (!name.ends_with(kQuantized))
      unsupported(path_, weight->offset, "tensor ", shown_name(name),
                  ": want the name of an 8-bit weight to end in ", kQuantized);
    std::string_view zero;
    if (node.inputs.size() > 3) zero = node.inputs[3];
    if (!zero.empty() && !initializer(zero))
      unsupported(path_, node.offset, "node ", shown_name(node.name),
                  ": want its weight's zero point as an initializer, got ", shown_name(zero));
    const std::string_view base = name.substr(0, name.size() - kQuantized.size());
    put(parameter_name(base, node), name, *weight, true,
        quantization_of(*weight, cat(base, "_scale"), zero, 1));
  }

  // An embedding table: Gather on 8 bits, then DequantizeLinear with one scale.
  void take_table(std::string_view name, const OnnxTensor& tensor) {
    const std::string_view base = name.substr(0, name.size() - kQuantized.size());
    const std::string scale = cat(base, "_scale"), zero = cat(base, "_zero_point");
    if (!initializer(scale)) return;  // only its name looks so
    Quantization quantization =
        quantization_of(tensor, scale, initializer(zero) ? zero : std::string_view(), 0);
    if (quantization.scales.size() > 1)
      unsupported(path_, tensor.offset, "tensor ", shown_name(name),
                  ": want one scale for a table, got ", quantization.scales.size());
    put(std::string(base), name, tensor, false, std::move(quantization));
  }

  // As many zero points as scales, each 0 when `zero` is empty. More than one scale runs along
  // `axis`.
  Quantization quantization_of(const OnnxTensor& weight, std::string_view scale,
                               std::string_view zero, int axis) {
    if (weight.dtype != DType::i8 && weight.dtype != DType::u8)
      unsupported(path_, weight.offset, "tensor ", shown_name(weight.name), ": want i8 or u8, got ",
                  weight.dtype);
    const int64_t columns = weight.shape.rank() > axis ? weight.shape.dim(axis) : 1;
    Quantization out;
    out.axis = axis;
    for (const double value : side_numbers(scale, DType::f32, columns, weight)) {
      if (!std::isfinite(value) || value < 0)
        corrupt(path_, initializer(scale)->offset, "tensor ", shown_name(scale),
                ": want finite scales from 0, got ", value);
      out.scales.push_back(static_cast<float>(value));
    }
    out.zero_points.assign(out.scales.size(), 0);
    if (zero.empty()) return out;
    const std::vector<double> zeros = side_numbers(zero, weight.dtype, columns, weight);
    if (zeros.size() > out.scales.size()) out.scales.assign(zeros.size(), out.scales[0]);
    out.zero_points.resize(out.scales.size());
    for (size_t i = 0; i < out.zero_points.size(); ++i)
      out.zero_points[i] = static_cast<int32_t>(zeros[zeros.size() == 1 ? 0 : i]);
    return out;
  }

  // The scales or zero points `name` of a weight: one, or one a column.
  std::vector<double> side_numbers(std::string_view name, DType dtype, int64_t columns,
                                   const OnnxTensor& weight) {
    const OnnxTensor* side = initializer(name);
    if (!side)
      unsupported(path_, weight.offset, "tensor ", shown_name(weight.name),
                  ": want an initializer ", shown_name(name), " beside it, got none");
    const int64_t count = side->shape.elements();
    if (side->dtype != dtype || side->shape.rank() > 1 || count == 0 ||
        (count != 1 && count != columns))
      unsupported(path_, side->offset, "tensor ", shown_name(name), ": want ", dtype, " [] or [",
                  columns, "] beside ", shown_name(weight.name), ", got ", side->dtype, ' ',
                  side->shape);
    used_.insert(by_name_.find(name)->first);  // a view of the file, whatever `name` is a view of
    return side->numbers();
  }

  const OnnxGraph& graph_;
  const std::string& path_;
  std::vector<std::pair<std::string_view, const OnnxTensor*>> named_;  // in the file's order
  std::unordered_map<std::string_view, const OnnxTensor*> by_name_;
  std::unordered_set<std::string_view> used_;  // names that are parameters already, or parts of one
  std::unordered_map<std::string, const OnnxTensor*> placed_;
  std::vector<StoredTensor> out_;
};

class OnnxCheckpoint final : public NamedTensors {
 public:
  OnnxCheckpoint(std::shared_ptr<const OnnxGraph> graph, const std::string& path,
                 std::shared_ptr<const std::string> kept_path, std::shared_ptr<const void> keep)
      : NamedTensors(path, ParameterNamer(*graph, path).run(), {graph, kept_path, keep}),
        graph_(graph) {}

  Json implied_config() const override { return config_of_graph(*graph_, *this); }

 private:
  std::shared_ptr<const OnnxGraph> graph_;
};

}  // namespace

std::shared_ptr<const Checkpoint> onnx_checkpoint(std::span<const std::byte> bytes,
                                                  const std::string& path,
                                                  std::shared_ptr<const void> keep) {
  const auto kept_path =
      std::make_shared<const std::string>(path);  // the graph's readers point to it
  const auto graph = std::make_shared<const OnnxGraph>(read_onnx_graph(bytes, *kept_path));
  return std::make_shared<OnnxCheckpoint>(graph, path, kept_path, std::move(keep));
}

}  // namespace winnow
