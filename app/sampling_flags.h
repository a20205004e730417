// How a command's model chooses tokens: flags of winnow generate and winnow chat, and chat's /set.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/generate.h"

namespace winnow {

// What is absent is as the checkpoint's generation_config.json says, else OpenAI's default.
struct SamplingFlags {
  std::optional<float> temperature, top_p, min_p;
  std::optional<float> repetition_penalty, presence_penalty, frequency_penalty;
  std::optional<int64_t> top_k, seed, max_tokens;
  std::vector<std::string> stop;
};

void add_sampling_flags(CLI::App& command, SamplingFlags& flags);

// Sets what the flags say. Without a seed it is a random one.
void apply(const SamplingFlags& flags, GenerateRequest& request);

// "temperature 0.2", as /set has it: the names of the flags with either dashes or underscores.
// Throws kInvalidArgument naming the options there are, or the range.
void set_sampling(std::string_view name_and_value, GenerateRequest& request);

}  // namespace winnow
