#include <algorithm>

#include "tasks/yes_no.h"

namespace winnow {
namespace {

constexpr const char* kQwenPrefix =
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    "the Instruct provided. Note that the answer can only be \"yes\" or "
    "\"no\".<|im_end|>\n<|im_start|>user\n";
constexpr const char* kQwenBody =
    "<Instruct>: {instruction}\n<Query>: {query}\n<Document>: {document}";
constexpr const char* kAnswer = "<|im_end|>\n<|im_start|>assistant\n";
constexpr const char* kWebSearch =
    "Given a web search query, retrieve relevant passages that answer the query";

std::vector<YesNoPrompt> make_presets() {
  std::vector<YesNoPrompt> out;
  // Source: the model card of Qwen3-Reranker.
  YesNoPrompt qwen3{.name = "qwen3-reranker",
                    .prefix = kQwenPrefix,
                    .suffix = std::string(kAnswer) + "<think>\n\n</think>\n\n",
                    .body = kQwenBody,
                    .query_piece = {},
                    .document_piece = {},
                    .separator = {},
                    .instruction = kWebSearch,
                    .markers = {"<|im_start|>", "<|im_end|>", "<think>", "</think>"}};
  out.push_back(qwen3);

  // Of lychee-rerank only the paper's scheme is known: A is Qwen3-Reranker's layout without the
  // thinking, B has the paper's sentence and plain fields.
  YesNoPrompt lychee = qwen3;
  lychee.name = "lychee-a";
  lychee.verified = false;
  lychee.suffix = kAnswer;
  lychee.markers = {"<|im_start|>", "<|im_end|>"};
  out.push_back(lychee);
  lychee.name = "lychee-b";
  lychee.prefix =
      "<|im_start|>system\nGiven the instruction and query, judge whether the document is relevant "
      "to the query (yes/no).<|im_end|>\n<|im_start|>user\n";
  lychee.body = "Instruct: {instruction}\nQuery: {query}\nDocument: {document}";
  out.push_back(lychee);

  // Source: FlagEmbedding, FlagLLMReranker; its `prompt` is the instruction here.
  out.push_back({.name = "bge-v2-gemma",
                 .prefix = "<bos>",
                 .suffix = "{instruction}",
                 .body = {},
                 .query_piece = "A: {query}",
                 .document_piece = "B: {document}",
                 .separator = "\n",
                 .instruction =
                     "Given a query A and a passage B, determine whether the passage contains an "
                     "answer to the query by providing a prediction of either 'Yes' or 'No'.",
                 .yes = "Yes",
                 .no = "No",
                 .score = YesNoPrompt::Score::kYesLogit,
                 .max_length = 512,
                 .markers = {"<bos>"}});

  // winnow's own, for a language model that knows no chat markers.
  out.push_back({.name = "plain",
                 .prefix = {},
                 .suffix = "\nAnswer:",
                 .body = "{instruction}\nQuery: {query}\nDocument: {document}",
                 .query_piece = {},
                 .document_piece = {},
                 .separator = {},
                 .instruction = "Does the document answer the query? Answer yes or no.",
                 .yes = " yes",
                 .no = " no"});
  return out;
}

std::string lowercase(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// The preset that a name speaks of; null: none.
const char* preset_named_in(std::string_view name) {
  const std::string lower = lowercase(name);
  const auto has = [&](const char* part) { return lower.find(part) != std::string::npos; };
  if (has("qwen3-reranker")) return "qwen3-reranker";
  if (has("lychee-rerank")) return "lychee-a";
  if (has("reranker-v2-gemma")) return "bge-v2-gemma";
  return nullptr;
}

}  // namespace

const std::vector<YesNoPrompt>& yes_no_presets() {
  static const std::vector<YesNoPrompt> presets = make_presets();
  return presets;
}

const YesNoPrompt& yes_no_preset(std::string_view name) {
  std::string names;
  for (const YesNoPrompt& preset : yes_no_presets()) {
    if (preset.name == name) return preset;
    names += (names.empty() ? "" : ", ") + preset.name;
  }
  fail(Code::kInvalidArgument, "prompt preset: want one of ", names, ", got \"", name, "\"");
}

std::optional<std::string> preset_for(const Json& config, std::string_view folder_name,
                                      const Json& extra) {
  if (const char* name = preset_named_in(folder_name)) return name;
  std::string type;
  if (config.is_object()) {
    if (const auto origin = config.find("_name_or_path"); origin && origin->is_string())
      if (const char* name = preset_named_in(origin->string())) return name;
    if (const auto own = config.find("model_type"); own && own->is_string()) type = own->string();
  }
  // The module says what is read, but not what is asked: its architecture's usual prompt, else
  // ours.
  if (!extra.is_object() || !extra.find("true_token_id")) return std::nullopt;
  if (type == "qwen3") return "qwen3-reranker";
  return type == "gemma" ? "bge-v2-gemma" : "plain";
}

}  // namespace winnow
