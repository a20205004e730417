// POST /v1/chat/completions, as OpenAI has it, with vLLM's further fields. docs/http_api.md,
// "Generation".
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "http/forced_call.h"
#include "http/generate_body.h"
#include "http/route.h"

namespace winnow {

struct ChatRequest {
  GenerateBody body;
  Json messages;
  Json tools;  // null: none, or none wanted
  std::optional<ForcedCall> forced;
  Json extra;  // chat_template_kwargs
  bool add_generation_prompt = true;
  bool logprobs = false;
};

// Throws as parse_generate_body, check_messages and forced_call_of.
ChatRequest parse_chat(const Json& body, const GenerationDefaults& defaults);

// What an answer is made with, beside the generation.
struct ChatAnswer {
  AnswerHead head;
  int choices = 1;
  bool logprobs = false;
  bool tool_calls = false;  // read them from the text
  bool named_call = false;  // of a function that the request named
  bool include_usage = false, continuous_usage = false;
};

// Reads the generation to its end. Throws what it throws, kCancelled. Notes tokens and times in
// `work`.
std::string chat_json(const ChatAnswer& answer, Generation& generation, Work& work,
                      const Call& call = {});

// chat.completion.chunk events. `work` outlives it.
std::unique_ptr<BodyStream> chat_stream(ChatAnswer answer, std::unique_ptr<Generation> generation,
                                        Work& work);

HttpResponse post_chat_completions(const HttpRequest& http, const Service& service, Work& work);

}  // namespace winnow
