// How a checkpoint's authors would have it sampled, where a request is silent.
#pragma once

#include <string>

#include "tasks/sampler.h"

namespace winnow {

struct GenerationDefaults {
  SamplingOptions
      sampling;  // OpenAI's defaults (temperature 1, all tokens) where the file is silent
};

// temperature, top_k, top_p, min_p and repetition_penalty of the folder's generation_config.json.
// As vLLM does, do_sample is not asked: servers sample unless a request says temperature 0. No such
// file: the plain defaults. Throws kCorrupt and kInvalidArgument naming the file and the key.
GenerationDefaults read_generation_defaults(const std::string& folder);

}  // namespace winnow
