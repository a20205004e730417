// A BERT encoder's config.json, read off its ONNX graph: sizes from the weights' shapes, heads and
// epsilon from the constants of the nodes that use them.
#include <charconv>
#include <map>
#include <set>

#include "weights/blame.h"
#include "weights/onnx.h"

namespace winnow {
namespace {

class GraphConstants {
 public:
  explicit GraphConstants(const OnnxGraph& graph) {
    for (const OnnxTensor& tensor : graph.initializers) by_name_.emplace(tensor.name, tensor);
    for (const OnnxNode& node : graph.nodes) {
      if (node.op != "Constant" || node.outputs.size() != 1) continue;
      const OnnxAttribute* value = node.attribute("value");
      if (value && !value->tensor.empty()) add(node.outputs[0], value->tensor[0]);
    }
  }

  // Null unless the value is a constant of that type, and small: a size, a shape, an epsilon.
  const OnnxTensor* find(std::string_view name, DType dtype) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end() || found->second.dtype != dtype) return nullptr;
    return found->second.shape.elements() > 8 ? nullptr : &found->second;
  }

 private:
  void add(std::string_view name, const WireReader& tensor) {
    try {
      by_name_.emplace(name, read_onnx_tensor(tensor, decoded_));
    } catch (const Error& error) {
      if (error.code() != Code::kUnsupported) throw;  // text and the like: no number to look for
    }
  }

  Decoded decoded_;
  std::map<std::string_view, OnnxTensor> by_name_;
};

[[noreturn]] void unreadable(const Checkpoint& file, std::string_view want, std::string_view got) {
  fail(Code::kUnsupported, file.path(), ": a model without config.json: want ", want, ", got ",
       got);
}

// [rows, columns] of a parameter as PyTorch has it.
std::pair<int64_t, int64_t> size_of(const Checkpoint& file, const std::string& name) {
  const StoredTensor* tensor = file.find(name);
  if (!tensor || tensor->shape.rank() != 2)
    unreadable(file, cat("a BERT encoder with a matrix ", shown_name(name)),
               tensor ? "another shape" : "none");
  const int64_t first = tensor->shape.dim(0), second = tensor->shape.dim(1);
  return tensor->transposed ? std::pair(second, first) : std::pair(first, second);
}

int64_t count_layers(const Checkpoint& file) {
  int64_t layers = 0;
  constexpr std::string_view kScope = "encoder.layer.";
  for (const StoredTensor* tensor : file.tensors()) {
    const size_t at = tensor->name.find(kScope);
    if (at == std::string::npos) continue;
    const char* digits = tensor->name.c_str() + at + kScope.size();
    int64_t layer = -1;
    std::from_chars(digits, tensor->name.c_str() + tensor->name.size(), layer);
    if (layer >= 10'000) unreadable(file, "fewer than 10000 layers", shown_name(tensor->name));
    layers = std::max(layers, layer + 1);
  }
  return layers;
}

// The last two sizes of the 4 that a Concat puts together or a Reshape asks for; 0 is what no
// constant gives.
std::pair<int64_t, int64_t> last_sizes(const OnnxNode& node, const GraphConstants& constants) {
  std::vector<int64_t> sizes;
  if (node.op == "Concat")
    for (const std::string_view input : node.inputs) {
      const OnnxTensor* value = constants.find(input, DType::i64);
      const bool one = value && value->shape.elements() == 1;
      sizes.push_back(one ? static_cast<int64_t>(value->numbers()[0]) : 0);
    }
  if (node.op == "Reshape" && node.inputs.size() == 2)
    if (const OnnxTensor* value = constants.find(node.inputs[1], DType::i64))
      for (const double size : value->numbers()) sizes.push_back(static_cast<int64_t>(size));
  return sizes.size() == 4 ? std::pair(sizes[2], sizes[3]) : std::pair<int64_t, int64_t>(0, 0);
}

// The numbers of heads by which some node of an attention shapes its input to [batch, length,
// heads, head size], heads being -1 in newer exports.
std::set<int64_t> head_counts(const OnnxGraph& graph, const GraphConstants& constants,
                              int64_t hidden) {
  std::set<int64_t> found;
  for (const OnnxNode& node : graph.nodes) {
    if (node.name.find("/attention/self/") == std::string_view::npos) continue;
    const auto [heads, size] = last_sizes(node, constants);
    if (size <= 0 || hidden % size != 0) continue;
    if (heads == -1 || heads == hidden / size) found.insert(hidden / size);
  }
  return found;
}

std::set<float> epsilons(const OnnxGraph& graph, const GraphConstants& constants) {
  std::set<float> found;
  for (const OnnxNode& node : graph.nodes) {
    if (node.op == "LayerNormalization") {
      const OnnxAttribute* epsilon = node.attribute("epsilon");
      found.insert(epsilon ? epsilon->real : 1e-5f);  // the operator's default
    }
    if (node.op == "Add" && node.name.ends_with("LayerNorm/Add"))
      for (const std::string_view input : node.inputs)
        if (const OnnxTensor* value = constants.find(input, DType::f32))
          if (value->shape.elements() == 1) found.insert(static_cast<float>(value->numbers()[0]));
  }
  return found;
}

// True when every activation between the two linear layers can only be GELU by erf.
bool has_exact_gelu(const OnnxGraph& graph) {
  bool exact = false;
  for (const OnnxNode& node : graph.nodes) {
    const OnnxAttribute* approximate = node.attribute("approximate");
    if (node.op == "Erf") exact = true;
    if (node.op == "Gelu") exact = !approximate || approximate->text == "none";
  }
  return exact;
}

}  // namespace

Json config_of_graph(const OnnxGraph& graph, const Checkpoint& file) {
  const auto [vocabulary, hidden] = size_of(file, "embeddings.word_embeddings.weight");
  const int64_t positions = size_of(file, "embeddings.position_embeddings.weight").first;
  const int64_t types = size_of(file, "embeddings.token_type_embeddings.weight").first;
  const int64_t inner = size_of(file, "encoder.layer.0.intermediate.dense.weight").first;
  for (const OnnxNode& node :
       graph.nodes)  // RoBERTa has BERT's names, and counts its positions from the ids
    if (node.op == "CumSum")
      unreadable(file, "positions from 0", cat("CumSum ", shown_name(node.name)));
  const GraphConstants constants(graph);
  const std::set<int64_t> heads = head_counts(graph, constants, hidden);
  const std::set<float> eps = epsilons(graph, constants);
  if (heads.size() != 1) unreadable(file, "one number of heads", cat(heads.size()));
  if (eps.size() != 1) unreadable(file, "one layer_norm_eps", cat(eps.size()));
  if (!has_exact_gelu(graph)) unreadable(file, "GELU by erf", "another activation");
  const bool classifies = file.find("classifier.weight") != nullptr;
  JsonWriter out;
  out.begin_object().member("model_type", "bert").key("architectures").begin_array();
  out.value(classifies ? "BertForSequenceClassification" : "BertModel").end_array();
  out.member("hidden_size", hidden).member("num_hidden_layers", count_layers(file));
  out.member("num_attention_heads", *heads.begin()).member("intermediate_size", inner);
  out.member("vocab_size", vocabulary).member("max_position_embeddings", positions);
  out.member("type_vocab_size", types).member("layer_norm_eps", *eps.begin());
  out.member("hidden_act", "gelu");
  if (classifies) out.member("num_labels", size_of(file, "classifier.weight").first);
  out.end_object();
  return Json::parse(out.text(), cat(file.path(), ": the graph's config"));
}

}  // namespace winnow
