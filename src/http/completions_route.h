// POST /v1/completions, as OpenAI has it, with vLLM's further fields. docs/http_api.md,
// "Generation".
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "http/generate_body.h"
#include "http/route.h"

namespace winnow {

struct CompletionRequest {
  GenerateBody body;
  std::vector<std::variant<std::string, std::vector<int32_t>>> prompts;
  bool add_special_tokens = true;  // before a text, as its tokenizer has them
  bool echo = false;               // the prompt goes before its text
  bool logprobs = false;
};

// Throws as parse_generate_body; kEmpty for no prompt, kUnsupported for echo with logprobs.
CompletionRequest parse_completion(const Json& body, const GenerationDefaults& defaults,
                                   const ServerOptions& options);

// What an answer is made with, beside the generation.
struct CompletionAnswer {
  AnswerHead head;
  int choices = 1;                  // of all prompts
  std::vector<std::string> echoed;  // of each choice; empty: none
  bool logprobs = false;
  bool include_usage = false, continuous_usage = false;
};

// Reads the generation to its end. Throws what it throws, kCancelled. Notes tokens and times in
// `work`.
std::string completion_json(const CompletionAnswer& answer, Generation& generation, Work& work,
                            const Call& call = {});

// text_completion events. `work` outlives it.
std::unique_ptr<BodyStream> completion_stream(CompletionAnswer answer,
                                              std::unique_ptr<Generation> generation, Work& work);

HttpResponse post_completions(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
