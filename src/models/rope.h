// Rotary embedding settings as a config states them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/json.h"

namespace winnow {

struct RopeSettings {
  std::vector<float> frequencies;  // [E / 2], radians a position
  float scale = 1.0f;              // of cosines and sines (YaRN's attention factor)
};

// rope_theta and rope_scaling, or rope_parameters as transformers 5 writes them; types default,
// linear, llama3, yarn. Throws kUnsupported naming another type, kInvalidArgument naming what it
// lacks. head_size even. Source: transformers, modeling_rope_utils.py; Peng et al. 2023 (YaRN).
RopeSettings rope_settings(const Json& config, int64_t head_size);

}  // namespace winnow
