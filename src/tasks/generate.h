// Generation: what one request asks of a decoder, and what comes back piece by piece. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "tasks/json_schema.h"
#include "tasks/sampler.h"

namespace winnow {

struct GenerateRequest {
  std::vector<int32_t> prompt;  // as the model reads it; not empty
  int max_tokens = 0;           // new ones; 0: as many as the context has room for
  int choices = 1;              // independent continuations; choice i samples with seed + i
  SamplingOptions sampling;
  std::vector<std::string> stop;  // the text ends before the first of them
  bool ignore_end = false;        // an end token does not end it
  bool json = false;              // the text is one JSON value
  Json schema;                    // and, where not null, one that this JSON Schema describes
  JsonFrame json_frame;           // and the text has this around it
};

enum class Finish { kStop, kLength };  // an end token or stop string; max_tokens or the context

// What one token was chosen from, as OpenAI reports it.
struct TokenReport {
  struct Entry {
    int32_t id = 0;
    std::string bytes;  // what the token stands for; half a character, perhaps
    float logprob = 0;
  };
  Entry chosen;
  std::vector<Entry> top;  // best first
};

// Text that is final: never half a character, never the beginning of a stop string.
struct Delta {
  int choice = 0;
  std::string text;                  // may be empty
  std::vector<TokenReport> reports;  // of the tokens since the choice's last delta, where asked for
  std::optional<Finish> finish;      // on a choice's last delta
};

struct GenerateUsage {
  int64_t prompt_tokens = 0, cached_tokens = 0;  // cached: of the prompt, not computed again
  int64_t new_tokens = 0;                        // all choices together
};

}  // namespace winnow
