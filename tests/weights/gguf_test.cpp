#include "weights/gguf.h"

#include "real_models.h"
#include "weights/checkpoint.h"
#include "weights/files.h"

using namespace winnow;
using namespace winnow::test;

TEST_CASE("SmolLM2's published file says what it is, and each tensor lies where it says") {
  const std::optional<std::string> folder = real_model("smollm2-135m");
  if (!folder) {
    MESSAGE(why_skipped("smollm2-135m"));
    return;
  }
  const auto model = Checkpoint::open_folder(*folder);
  CHECK(model->tensors().size() == 272);
  std::map<std::string_view, int> types;
  for (const StoredTensor* t : model->tensors()) ++types[name_of(t->dtype)];
  CHECK(types == std::map<std::string_view, int>{{"f32", 61}, {"q4_1", 210}, {"q8_0", 1}});
  const StoredTensor* k = model->find("model.layers.29.self_attn.k_proj.weight");
  REQUIRE(k != nullptr);
  CHECK(k->shape == Shape{192, 576});
  CHECK(k->interleaved_heads == 3);
  CHECK(model->find("model.layers.0.self_attn.q_proj.weight")->interleaved_heads == 9);
  CHECK(model->find("model.layers.0.self_attn.v_proj.weight")->interleaved_heads == 0);
  CHECK(model->find("lm_head.weight") == nullptr);
  const Json config = model->implied_config();
  CHECK(config.at("architectures")[0].string() == "LlamaForCausalLM");
  for (const auto& [key, want] : std::map<std::string, int64_t>{{"hidden_size", 576},
                                                                {"intermediate_size", 1536},
                                                                {"num_hidden_layers", 30},
                                                                {"num_attention_heads", 9},
                                                                {"num_key_value_heads", 3},
                                                                {"head_dim", 64},
                                                                {"vocab_size", 49152},
                                                                {"max_position_embeddings", 8192},
                                                                {"rope_theta", 100000},
                                                                {"bos_token_id", 1},
                                                                {"eos_token_id", 2},
                                                                {"pad_token_id", 2}}) {
    CAPTURE(key);
    CHECK(config.integer(key) == want);
  }
  CHECK(config.number("rms_norm_eps") == 1e-5);
  CHECK(config.boolean("tie_word_embeddings"));
  CHECK_FALSE(config.find("rope_scaling"));

  const auto file = GgufFile::open(model->path());
  const GgufMetadata& metadata = file->metadata();
  CHECK(file->version() == 3);
  CHECK(metadata.values().size() == 33);
  CHECK(metadata.string("tokenizer.ggml.pre") == "smollm");
  CHECK(metadata.boolean("tokenizer.ggml.add_bos_token") == false);
  CHECK(metadata.strings("tokenizer.ggml.tokens").size() == 49152);
  CHECK(metadata.strings("tokenizer.ggml.tokens")[1] == "<|im_start|>");
  CHECK(metadata.strings("tokenizer.ggml.merges").size() == 48900);
  CHECK(metadata.integers("tokenizer.ggml.token_type")[0] == 3);
  CHECK(metadata.string("tokenizer.chat_template")->starts_with("{% for message in messages %}"));
}
