#include "models/arithmetic.h"

#include <algorithm>

#include "models/decoders.h"

namespace winnow {
namespace {

// The first of two keys that the config has: most families', or DistilBERT's.
int64_t either(const Json& config, const char* key, const char* other) {
  return config.find(key) || !config.find(other) ? config.integer(key) : config.integer(other);
}

// Pairs of a query and a key that it sees, of `tokens` tokens: at most `window` apart.
double seen(int64_t tokens, int64_t window) {
  const auto n = static_cast<double>(tokens);
  if (window >= tokens) return n * n;
  const auto w = static_cast<double>(window);
  return n * (2 * w + 1) - w * (w + 1);
}

// ModernBERT's layers that see a window alone: those that `layer_types` says, or all but each nth.
int64_t local_layers(const Json& config, int64_t layers) {
  int64_t local = 0;
  if (const auto types = config.find("layer_types")) {
    for (size_t i = 0; i < types->size(); ++i)
      local += (*types)[i].string() == "sliding_attention" ? 1 : 0;
    return local;
  }
  const int64_t every = std::max<int64_t>(config.integer("global_attn_every_n_layers", 3), 1);
  return layers - (layers + every - 1) / every;
}

}  // namespace

double LayerArithmetic::linear() const {
  const double attention =
      static_cast<double>(hidden) * static_cast<double>(2 * queries + 2 * keys);
  const double mlp = (gated ? 3.0 : 2.0) * static_cast<double>(hidden) * static_cast<double>(inner);
  return 2 * static_cast<double>(layers) * (attention + mlp);
}

double LayerArithmetic::attention(int64_t tokens) const {
  const double global = static_cast<double>(layers - local_layers) * seen(tokens, tokens);
  const double local = static_cast<double>(local_layers) * seen(tokens, window);
  return 4 * static_cast<double>(queries) * (global + local) * (causal ? 0.5 : 1.0);
}

double LayerArithmetic::next_token(int64_t tokens) const {
  return linear() + 4 * static_cast<double>(queries) * static_cast<double>(tokens) *
                        static_cast<double>(layers);
}

LayerArithmetic layer_arithmetic(const Json& config) {
  LayerArithmetic a;
  const std::string_view architecture = config.at("architectures")[0].string();
  const bool modern = architecture.starts_with("ModernBert");
  a.layers = either(config, "num_hidden_layers", "n_layers");
  a.hidden = either(config, "hidden_size", "dim");
  a.inner = either(config, "intermediate_size", "hidden_dim");
  const int64_t heads = either(config, "num_attention_heads", "n_heads");
  const int64_t head_size = config.integer("head_dim", a.hidden / std::max<int64_t>(heads, 1));
  a.queries = heads * head_size;
  a.keys = config.integer("num_key_value_heads", heads) * head_size;
  a.causal = is_decoder(config);
  a.gated = a.causal || modern;
  if (modern) {
    a.local_layers = local_layers(config, a.layers);
    a.window = config.integer("local_attention", 128) / 2;
  }
  return a;
}

}  // namespace winnow
