// What is in a checkpoint's file, or a model's folder, and what winnow would do with it. Reads
// headers and small files only: no weight is touched.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tensor/shape.h"

namespace winnow {

struct InspectedTensor {
  std::string name, type;  // as the file has them: "blk.0.attn_q.weight", "q4_1"
  Shape shape;             // as stored
  int64_t bytes = 0;
};

struct InspectedFact {
  std::string key;
  std::string json;  // its value; a long array as {"count": n, "first": [...]}
};

// What the engine would make of it.
struct LoadPlan {
  std::string architecture;   // "LlamaForCausalLM"; empty: nothing says
  bool known = false;         // winnow has it
  std::string task;           // reranker, classifier, embedder, generator; empty: unknown
  std::string why_not;        // what stands in the way, empty when nothing is known to
  std::string tokenizer;      // "tokenizer.json, 30522 tokens"; empty: none
  std::string chat_template;  // where it is; empty: none
  int64_t memory = 0;         // bytes of the weights as they are computed with, about
};

struct Inspection {
  std::string path, format;  // of the weights: "gguf 3", "safetensors", "pytorch", "onnx"
  std::vector<InspectedTensor> tensors;
  std::vector<InspectedFact> facts;
  LoadPlan plan;
};

// path: a file or a folder. Throws as Checkpoint::open.
Inspection inspect(const std::string& path);

}  // namespace winnow
