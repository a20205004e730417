#include "models/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace winnow {
namespace {

constexpr double kTurn = 2.0 * std::numbers::pi;

// Slow dimensions are slowed by `factor`, fast ones kept, and those between blended.
void stretch_llama3(std::vector<float>& frequencies, const Json& scaling) {
  const double factor = scaling.number("factor"), low = scaling.number("low_freq_factor"),
               high = scaling.number("high_freq_factor"),
               context = scaling.number("original_max_position_embeddings");
  for (float& f : frequencies) {
    const double wave = kTurn / f;
    if (wave < context / high) continue;
    if (wave > context / low) {
      f = static_cast<float>(f / factor);
    } else {
      const double smooth = (context / wave - low) / (high - low);
      f = static_cast<float>((1 - smooth) * f / factor + smooth * f);
    }
  }
}

double yarn_scale(double factor, double weight) {
  return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1.0;
}

void stretch_yarn(RopeSettings& rope, const Json& scaling, const Json& config, double theta) {
  const auto half = static_cast<int64_t>(rope.frequencies.size());
  const double factor = scaling.number("factor");
  const double context = scaling.number("original_max_position_embeddings",
                                        config.number("max_position_embeddings", 0));
  require(context > 0, scaling.path(), ": missing key `original_max_position_embeddings`");
  // The dimension that turns `turns` times within the context.
  const auto dimension = [&](double turns) {
    return 2 * half * std::log(context / (turns * kTurn)) / (2 * std::log(theta));
  };
  double low = std::max(std::floor(dimension(scaling.number("beta_fast", 32))), 0.0);
  double high = std::min(std::ceil(dimension(scaling.number("beta_slow", 1))), 2.0 * half - 1);
  if (low == high) high += 0.001;
  for (int64_t i = 0; i < half; ++i) {
    const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    const double f = rope.frequencies[i];
    rope.frequencies[i] = static_cast<float>(ramp * f / factor + (1 - ramp) * f);
  }
  const double all = scaling.number("mscale_all_dim", 0), one = scaling.number("mscale", 0);
  const double implied = one > 0 && all > 0 ? yarn_scale(factor, one) / yarn_scale(factor, all)
                                            : yarn_scale(factor, 1);
  rope.scale = static_cast<float>(scaling.number("attention_factor", implied));
}

}  // namespace

RopeSettings rope_settings(const Json& config, int64_t head_size) {
  require(head_size > 0 && head_size % 2 == 0, config.path(), ": want an even head size, got ",
          head_size);
  const std::optional<Json> parameters = config.find("rope_parameters");
  const std::optional<Json> scaling = parameters ? parameters : config.find("rope_scaling");
  const double theta = parameters && parameters->find("rope_theta")
                           ? parameters->number("rope_theta")
                           : config.number("rope_theta", 10000.0);
  RopeSettings rope;
  for (int64_t i = 0; i < head_size / 2; ++i)
    rope.frequencies.push_back(static_cast<float>(
        1.0 / std::pow(theta, 2.0 * static_cast<double>(i) / static_cast<double>(head_size))));
  if (!scaling) return rope;
  const std::string type = scaling->string("rope_type", scaling->string("type", "default"));
  if (type == "default") return rope;
  if (type == "linear")
    for (float& f : rope.frequencies) f = static_cast<float>(f / scaling->number("factor"));
  else if (type == "llama3")
    stretch_llama3(rope.frequencies, *scaling);
  else if (type == "yarn")
    stretch_yarn(rope, *scaling, config, theta);
  else
    fail(Code::kUnsupported, scaling->path(),
         ": rope_type: want default, linear, llama3 or yarn, got ", type);
  return rope;
}

}  // namespace winnow
