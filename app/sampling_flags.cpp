#include "app/sampling_flags.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <random>

#include "app/did_you_mean.h"
#include "base/error.h"

namespace winnow {
namespace {

constexpr int kMostTokens = std::numeric_limits<int>::max();

template <typename Number>
Number number_of(std::string_view name, std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  require(error == std::errc() && end == text.data() + text.size(), name, ": want a number, got \"",
          text, '"');
  return number;
}

}  // namespace

void add_sampling_flags(CLI::App& command, SamplingFlags& flags) {
  const auto number = [&](const char* name, std::optional<float>& value, double least, double most,
                          const char* help) {
    command.add_option(name, value, help)
        ->check(CLI::Range(least, most).description(""))
        ->type_name("X");
  };
  command
      .add_option("--max-tokens", flags.max_tokens,
                  "New tokens at most; 0 is as many as the context has room for")
      ->check(CLI::Range(0, kMostTokens).description(""))
      ->type_name("N");
  number("--temperature", flags.temperature, 0, 2,
         "0 takes the best token always; without it the model's own");
  number("--top-p", flags.top_p, 0, 1, "The best tokens that together have this probability");
  number("--min-p", flags.min_p, 0, 1,
         "Tokens of at least this part of the best one's probability");
  command.add_option("--top-k", flags.top_k, "The best so many tokens; 0 is all")
      ->check(CLI::Range(0, kMostTokens).description(""))
      ->type_name("N");
  number("--repetition-penalty", flags.repetition_penalty, 0.01, 10,
         "Above 1: less of what was said before");
  number("--presence-penalty", flags.presence_penalty, -2, 2, "As OpenAI has it");
  number("--frequency-penalty", flags.frequency_penalty, -2, 2, "As OpenAI has it");
  command
      .add_option("--seed", flags.seed,
                  "The same seed gives the same tokens; without it a random one")
      ->type_name("N");
  command.add_option("--stop", flags.stop, "End before this text; may be given again")
      ->type_name("TEXT")
      ->expected(1)
      ->take_all();
}

void apply(const SamplingFlags& flags, GenerateRequest& request) {
  SamplingOptions& s = request.sampling;
  s.temperature = flags.temperature.value_or(s.temperature);
  s.top_p = flags.top_p.value_or(s.top_p);
  s.min_p = flags.min_p.value_or(s.min_p);
  s.top_k = static_cast<int>(flags.top_k.value_or(s.top_k));
  s.repetition_penalty = flags.repetition_penalty.value_or(s.repetition_penalty);
  s.presence_penalty = flags.presence_penalty.value_or(s.presence_penalty);
  s.frequency_penalty = flags.frequency_penalty.value_or(s.frequency_penalty);
  s.seed = flags.seed ? static_cast<uint64_t>(*flags.seed) : std::random_device{}();
  request.max_tokens = static_cast<int>(flags.max_tokens.value_or(request.max_tokens));
  request.stop = flags.stop;
  std::erase(request.stop, "");
}

void set_sampling(std::string_view name_and_value, GenerateRequest& request) {
  const size_t space = name_and_value.find_first_of(" =");
  std::string name(name_and_value.substr(0, space));
  std::replace(name.begin(), name.end(), '-', '_');
  const size_t start = name_and_value.find_first_not_of(" =", space);
  const std::string_view value = space == name_and_value.npos || start == name_and_value.npos
                                     ? ""
                                     : name_and_value.substr(start);
  GenerateRequest changed = request;
  SamplingOptions& s = changed.sampling;
  const std::vector<std::pair<std::string, float*>> numbers = {
      {"temperature", &s.temperature},
      {"top_p", &s.top_p},
      {"min_p", &s.min_p},
      {"repetition_penalty", &s.repetition_penalty},
      {"presence_penalty", &s.presence_penalty},
      {"frequency_penalty", &s.frequency_penalty}};
  const auto found = std::find_if(numbers.begin(), numbers.end(),
                                  [&](const auto& number) { return number.first == name; });
  if (found != numbers.end()) {
    *found->second = number_of<float>(name, value);
  } else if (name == "top_k") {
    s.top_k = number_of<int>(name, value);
  } else if (name == "seed") {
    s.seed = static_cast<uint64_t>(number_of<int64_t>(name, value));
  } else if (name == "max_tokens") {
    changed.max_tokens = number_of<int>(name, value);
    require(changed.max_tokens >= 0, "max_tokens: want 0 or more, got ", changed.max_tokens);
  } else {
    std::vector<std::string> names = {"top_k", "seed", "max_tokens"};
    for (const auto& number : numbers) names.push_back(number.first);
    std::string all;
    for (const std::string& one : names) all += (all.empty() ? "" : ", ") + one;
    fail(Code::kInvalidArgument, "/set: want one of ", all, ", got \"", name, '"',
         did_you_mean(name, names));
  }
  check_sampling(s, kMostTokens);
  request = std::move(changed);
}

}  // namespace winnow
