// What /v1/chat/completions and /v1/completions share: the fields of a request and the parts of an
// answer. Pure functions. Source: OpenAI's API reference and vLLM's additions to it;
// docs/http_api.md, "Generation".
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "engine/generation_defaults.h"
#include "http/message.h"

namespace winnow {

// The fields that both routes know, without the prompt.
struct GenerateBody {
  GenerateRequest request;
  bool stream = false;
  bool include_usage = false;     // one more chunk with the usage
  bool continuous_usage = false;  // the usage so far in every chunk
};

// Reads temperature, top_p, top_k, min_p, the penalties, logit_bias, seed (absent: a random one),
// n, stop, ignore_eos, response_format, stream and stream_options; what is absent or null is as
// `defaults` say. Throws kInvalidArgument naming a field of the wrong type or out of range,
// kUnsupported naming one that winnow has not.
GenerateBody parse_generate_body(const Json& body, const GenerationDefaults& defaults);

std::string_view finish_name(Finish finish);  // "stop", "length"

// {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details"}.
void append_usage(JsonWriter& json, const GenerateUsage& usage);

// A token as text: its bytes, U+FFFD for what is no UTF-8.
std::string token_text(const TokenReport::Entry& entry);

// What JSON can say of a logarithm: minus infinity is -9999, as OpenAI has it.
float finite_logprob(float logprob);

// "data: JSON\n\n", one server-sent event.
std::string sse_event(std::string_view json);
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

// An answer of server-sent events: the headers that keep proxies from holding them back.
HttpResponse sse_response(std::unique_ptr<BodyStream> stream);

// What one answer says of itself in each of its parts.
struct AnswerHead {
  std::string id;  // "chatcmpl-..."
  std::string model;
  int64_t created_s = 0;
};
AnswerHead answer_head(std::string_view prefix, const ModelInfo& model);

// {"id", "object", "created", "model", "system_fingerprint", and the object stays open.
void begin_answer(JsonWriter& json, const AnswerHead& head, std::string_view object);

// Counts what a generation does into `work`, for /metrics: when its first token came, how long
// each of the others took, how its choices ended.
class GenerationClock {
 public:
  explicit GenerationClock(Work& work);
  void on_delta(const Delta& delta);
  void on_usage(const GenerateUsage& usage);

 private:
  Work& work_;
  std::chrono::steady_clock::time_point start_, last_;
};

// generation.next(), for who has no other way to see its client leave: throws kCancelled then, also
// while it waits.
std::optional<Delta> next_delta(Generation& generation, const Call& call);

// Several generations as one: the choices of the second follow those of the first. Each has
// `choices`.
std::unique_ptr<Generation> together(std::vector<std::unique_ptr<Generation>> generations,
                                     int choices);

}  // namespace winnow
