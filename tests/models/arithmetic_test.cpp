#include "models/arithmetic.h"

#include <doctest/doctest.h>

using namespace winnow;

namespace {
LayerArithmetic of(const char* config) { return layer_arithmetic(Json::parse(config, "config")); }
}  // namespace

TEST_CASE(
    "an encoder's operations are those of six matrices a layer and two products of attention") {
  const LayerArithmetic a = of(
      R"({"architectures":["XLMRobertaForSequenceClassification"],"hidden_size":8,
          "intermediate_size":32,"num_hidden_layers":3,"num_attention_heads":2})");
  CHECK(a.linear() == 3 * 2 * (4 * 8 * 8 + 2 * 8 * 32));
  CHECK(a.attention(5) == 3 * 4 * 8 * 25);
  CHECK(a.text(5) == 5 * a.linear() + a.attention(5));
}

TEST_CASE("a decoder has three matrices in its gated part, fewer keys, and half the scores") {
  const LayerArithmetic a = of(
      R"({"architectures":["Qwen2ForCausalLM"],"hidden_size":12,"intermediate_size":20,
          "num_hidden_layers":2,"num_attention_heads":6,"num_key_value_heads":2})");
  CHECK(a.linear() == 2 * 2 * (2 * 12 * 12 + 2 * 12 * 4 + 3 * 12 * 20));
  CHECK(a.attention(10) == 2 * 4 * 12 * 100 / 2);
  CHECK(a.next_token(10) == a.linear() + 2 * 4 * 12 * 10);
}

TEST_CASE("heads of a size of their own count by it") {
  const LayerArithmetic a = of(
      R"({"architectures":["Qwen3ForCausalLM"],"hidden_size":8,"intermediate_size":20,"head_dim":16,
          "num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1})");
  CHECK(a.queries == 32);
  CHECK(a.keys == 16);
}

TEST_CASE("DistilBERT's own names are read") {
  const LayerArithmetic a = of(
      R"({"architectures":["DistilBertModel"],"dim":8,"hidden_dim":32,"n_layers":2,"n_heads":2})");
  CHECK(a.linear() == 2 * 2 * (4 * 8 * 8 + 2 * 8 * 32));
}

TEST_CASE("ModernBERT's local layers see a window alone") {
  const LayerArithmetic a = of(
      R"({"architectures":["ModernBertModel"],"hidden_size":8,"intermediate_size":16,
          "num_hidden_layers":4,"num_attention_heads":2,"global_attn_every_n_layers":3,
          "local_attention":4})");
  CHECK(a.gated);
  CHECK(a.local_layers == 2);  // 1 and 2; 0 and 3 are global
  // Of 6 tokens, a window of 2 to each side: 3 + 4 + 5 + 5 + 4 + 3 pairs.
  CHECK(a.attention(6) == 4 * 8 * (2 * 36 + 2 * 24));
  CHECK(a.attention(2) == 4 * 8 * 4 * 4);
  const LayerArithmetic named = of(
      R"({"architectures":["ModernBertModel"],"hidden_size":8,"intermediate_size":16,
          "num_hidden_layers":2,"num_attention_heads":2,
          "layer_types":["sliding_attention","sliding_attention"]})");
  CHECK(named.local_layers == 2);
}
