// What is in a checkpoint's file, or a model's folder, and what winnow would do with it. Reads
// headers and small files only: no weight is touched.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tasks/yes_no.h"
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
  std::string prompt;         // how a yes/no reranker is asked (named_prompt); empty: it is none
  int64_t memory = 0;         // bytes of the weights as they are computed with, about
};

struct Inspection {
  std::string path, format;  // of the weights: "gguf 3", "safetensors", "pytorch", "onnx"
  std::vector<InspectedTensor> tensors;
  std::vector<InspectedFact> facts;
  LoadPlan plan;
};

// A prompt by name: "qwen3-reranker"; "lychee-a, unverified" where its published form was not
// found.
std::string named_prompt(const YesNoPrompt& prompt);

// How the decoder of a folder would be asked for yes or no without further settings, as
// named_prompt; empty: nothing in it says that it is such a reranker. Throws kCorrupt for a config
// that is no JSON.
std::string prompt_in(const std::string& folder);

// path: a file or a folder. Throws as Checkpoint::open.
Inspection inspect(const std::string& path);

}  // namespace winnow
