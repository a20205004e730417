#include "weights/gguf.h"

#include <cmath>
#include <functional>

#include "base/mapped_file.h"
#include "real_models.h"
#include "weights/files.h"
#include "weights/gguf_model.h"
#include "weights/to_f32.h"

using namespace winnow;
using namespace winnow::test;

namespace {

const std::string kData = std::string(WINNOW_TEST_DATA) + "/weights/";

Error parse_error(const std::string& bytes) {
  return error_of([&] { GgufFile::read(bytes_of(bytes), "f", nullptr); });
}
bool refused(const Gguf& file, Code code, const std::string& part) {
  return holds(parse_error(file.bytes()), code, part);
}

// The least that a model of two heads of 4 needs.
Gguf model_file(const std::string& architecture, uint64_t more_entries = 0,
                uint64_t more_tensors = 0) {
  Gguf file(1 + more_tensors, 8 + more_entries);
  file.entry("general.architecture", architecture);
  for (const auto& [key, value] : {std::pair<const char*, uint32_t>{".embedding_length", 8},
                                   {".feed_forward_length", 12},
                                   {".block_count", 1},
                                   {".context_length", 64},
                                   {".attention.head_count", 2}})
    file.entry(architecture + key, 4, value);
  file.entry(architecture + ".attention.layer_norm_rms_epsilon", 6, 1e-6f);
  file.entry("tokenizer.ggml.eos_token_id", 4, uint32_t{5});
  return file;
}

std::shared_ptr<const Checkpoint> model_of(const Gguf& file) {
  return gguf_checkpoint(GgufFile::read(bytes_of(file.bytes()), "f", nullptr));
}

}  // namespace

TEST_CASE(
    "every block format has the values that the format's own library finds, in PyTorch's "
    "order") {
  const auto got = Checkpoint::open(kData + "tiny_llama.gguf");
  const auto want = Checkpoint::open(kData + "tiny_llama.safetensors");
  REQUIRE(got->tensors().size() == 16);
  REQUIRE(want->tensors().size() == 16);
  std::map<std::string_view, int> types;
  for (const StoredTensor* t : want->tensors()) {
    CAPTURE(t->name);
    const StoredTensor* stored = got->find(t->name);
    REQUIRE(stored != nullptr);
    CHECK(stored->name == t->name);
    CHECK(stored->shape == t->shape);
    ++types[name_of(stored->dtype)];
    CHECK(to_f32(*stored) == to_f32(*t));
  }
  CHECK(types == std::map<std::string_view, int>{{"bf16", 1},
                                                 {"f16", 1},
                                                 {"f32", 6},
                                                 {"q4_0", 1},
                                                 {"q4_1", 1},
                                                 {"q4_k", 1},
                                                 {"q5_0", 1},
                                                 {"q5_1", 1},
                                                 {"q5_k", 1},
                                                 {"q6_k", 1},
                                                 {"q8_0", 1}});
}

TEST_CASE("metadata of every kind is read by its type, and asked for by another it is refused") {
  const auto file = GgufFile::open(kData + "tiny_llama.gguf");
  const GgufMetadata& m = file->metadata();
  CHECK(m.string("general.name") == "tiny");
  CHECK(m.integer("llama.attention.head_count") == 4);
  CHECK(m.number("llama.attention.head_count") == 4.0);
  CHECK(m.number("llama.rope.freq_base") == 500000.0);
  CHECK(m.boolean("tokenizer.ggml.add_bos_token") == true);
  CHECK(m.strings("tokenizer.ggml.tokens") ==
        std::vector<std::string_view>{"<s>", "</s>", "t0", "t1", "t2", "t3", "t4", "t5"});
  CHECK(m.integers("tokenizer.ggml.token_type") == std::vector<int64_t>{3, 3, 1, 1, 1, 1, 1, 1});
  CHECK(m.numbers("tokenizer.ggml.scores") == std::vector<float>{0.5f, -1.25f});
  CHECK_FALSE(m.string("absent"));
  CHECK(m.strings("absent").empty());
  CHECK(m.integers("absent").empty());
  for (const auto& [work, says] : std::vector<std::pair<std::function<void()>, std::string>>{
           {[&] { m.string("llama.block_count"); }, "want a string, got u32"},
           {[&] { m.integer("general.name"); }, "want an integer, got string"},
           {[&] { m.integer("llama.rope.freq_base"); }, "want an integer, got f32"},
           {[&] { m.number("tokenizer.ggml.add_bos_token"); }, "want a number, got bool"},
           {[&] { m.boolean("llama.block_count"); }, "want a bool, got u32"},
           {[&] { m.strings("general.name"); }, "want an array, got string"},
           {[&] { m.strings("tokenizer.ggml.scores"); }, "want an array of strings, got an array"},
           {[&] { m.integers("tokenizer.ggml.tokens"); }, "want an array of integers"},
           {[&] { m.numbers("tokenizer.ggml.tokens"); }, "want an array of numbers"}})
    CHECK(holds(error_of(work), Code::kCorrupt, says));
}

TEST_CASE("integers of every width keep their sign, and one above 2^63 is refused when asked for") {
  Gguf file(0, 9);
  file.entry("u8", 0, uint8_t{200}).entry("i8", 1, int8_t{-2}).entry("u16", 2, uint16_t{60000});
  file.entry("i16", 3, int16_t{-3}).entry("u32", 4, uint32_t{4000000000}).entry("i32", 5, -4);
  file.entry("u64", 10, ~uint64_t{0}).entry("i64", 11, int64_t{-5}).entry("f64", 12, 2.5);
  const auto read = GgufFile::read(bytes_of(file.bytes()), "f", nullptr);
  const GgufMetadata& m = read->metadata();
  CHECK(m.integer("u8") == 200);
  CHECK(m.integer("i8") == -2);
  CHECK(m.integer("u16") == 60000);
  CHECK(m.integer("i16") == -3);
  CHECK(m.integer("u32") == 4000000000);
  CHECK(m.integer("i32") == -4);
  CHECK(m.integer("i64") == -5);
  CHECK(m.number("f64") == 2.5);
  CHECK(m.number("u64") == 0x1p64);
  CHECK(holds(error_of([&] { m.integer("u64"); }), Code::kCorrupt, "below 2^63"));
}

TEST_CASE("a file that is cut anywhere is refused with the byte, and so is each hostile number") {
  const auto file = MappedFile::open(kData + "tiny_llama.gguf");
  for (size_t size = 0; size < file->bytes().size(); size += size < 3000 ? 1 : 997)
    CHECK(holds(error_of([&] { GgufFile::read(file->bytes().first(size), "f", nullptr); }),
                Code::kCorrupt, "f: at byte "));

  CHECK(refused(Gguf(0, 0, 1), Code::kUnsupported,
                "at byte 4: want GGUF of version 2 or 3, got version 1"));
  CHECK(refused(Gguf(0, 0, 0x03000000), Code::kUnsupported, "a big-endian file"));
  CHECK(GgufFile::read(bytes_of(Gguf(0, 0, 2).bytes()), "f", nullptr)->version() == 2);
  CHECK(holds(parse_error("GGML????"), Code::kCorrupt, "at byte 0: want a file that starts with"));
  CHECK(refused(Gguf(~uint64_t{0}, 0), Code::kCorrupt, "at byte 8: want no more tensors"));
  CHECK(refused(Gguf(0, 1ull << 60), Code::kCorrupt, "at byte 16: want no more metadata entries"));
  CHECK(refused(Gguf(0, 1).put(~uint64_t{0}).data(64), Code::kCorrupt,
                "at byte 24: want no more a key"));
  CHECK(refused(Gguf(0, 1).text("").put(0).data(8), Code::kCorrupt,
                "at byte 24: want a key in UTF-8"));
  CHECK(refused(Gguf(0, 1).text("\xFF").put(0).data(8), Code::kCorrupt,
                "at byte 24: want a key in UTF-8"));
  CHECK(refused(Gguf(0, 1).text("a").put<uint32_t>(13).data(8), Code::kCorrupt,
                "at byte 33: want a type from 0 to 12, got 13"));
  CHECK(refused(Gguf(0, 1).entry("a", 7, uint8_t{2}), Code::kCorrupt, "at byte 37: want a bool"));
  CHECK(refused(Gguf(0, 1).text("a").put<uint32_t>(8).put<uint64_t>(1 << 30), Code::kCorrupt,
                "at byte 37"));
  CHECK(refused(Gguf(0, 1).text("a").put<uint32_t>(9).put<uint32_t>(8).put<uint64_t>(1ull << 61),
                Code::kCorrupt, "at byte 41: want no more elements"));
  CHECK(refused(Gguf(0, 2).entry("a", 0, uint8_t{1}).entry("a", 0, uint8_t{2}), Code::kCorrupt,
                "at byte 38: want each key once, got `a`"));
  Gguf deep(0, 1);
  deep.text("a").put<uint32_t>(9);
  for (int i = 0; i < 1000; ++i) deep.put<uint32_t>(9).put<uint64_t>(1);
  CHECK(refused(deep, Code::kUnsupported, "arrays within each other"));
}

TEST_CASE("a tensor's description is believed only as far as the file bears it out") {
  const auto one = [](std::initializer_list<uint64_t> dims, uint32_t type, uint64_t offset,
                      size_t bytes) {
    return Gguf(1, 0).tensor("t", dims, type, offset).data(bytes);
  };
  CHECK(GgufFile::read(bytes_of(one({4, 2}, 0, 0, 32).bytes()), "f", nullptr)->tensors()[0].shape ==
        Shape{2, 4});
  CHECK(refused(one({4, 3}, 0, 0, 32), Code::kCorrupt,
                "tensor `t`: want its 48 bytes within the 32"));
  CHECK(refused(one({4, 2}, 0, 32, 32), Code::kCorrupt, "got offset 32"));
  CHECK(refused(one({4}, 0, 8, 64), Code::kCorrupt, "a multiple of 32, got 8"));
  CHECK(refused(one({4}, 0, ~uint64_t{31}, 64), Code::kCorrupt, "want an offset"));
  CHECK(refused(one({4, 4, 4, 4, 4}, 0, 0, 64), Code::kCorrupt, "at most 4 dimensions, got 5"));
  CHECK(refused(one({1ull << 63}, 0, 0, 64), Code::kCorrupt, "dimensions below 2^63"));
  CHECK(refused(one({1ull << 40, 1ull << 40}, 0, 0, 64), Code::kCorrupt, "fewer than 2^63 bytes"));
  CHECK(refused(one({1ull << 62, 1ull << 62, 0}, 0, 0, 64), Code::kCorrupt, "fewer than 2^63"));
  CHECK(refused(one({33}, 8, 0, 64), Code::kCorrupt, "whole blocks of 32 for Q8_0, got 33"));
  CHECK(refused(one({32}, 12, 0, 1024), Code::kCorrupt, "whole blocks of 256 for Q4_K, got 32"));
  CHECK(refused(one({32}, 4, 0, 64), Code::kUnsupported,
                "at byte 45: tensor `t`: want an element type of ggml, got 4"));
  Gguf two(2, 0);
  two.tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).data(64);
  CHECK(refused(two, Code::kCorrupt, "at byte 128: tensor `b` overlaps `a`"));
  for (const uint32_t wrong : {0u, 24u, 1u << 21})
    CHECK(refused(Gguf(1, 1).entry("general.alignment", 4, wrong).tensor("t", {1}, 0, 0).data(64),
                  Code::kCorrupt, "general.alignment: want a power of two"));
  Gguf wide(1, 1);
  wide.entry("general.alignment", 4, uint32_t{256}).tensor("t", {1}, 0, 0).data(4, 256);
  CHECK(GgufFile::read(bytes_of(wide.bytes()), "f", nullptr)->tensors()[0].offset == 256);
}

TEST_CASE("a model's tensors have PyTorch's names, and only Llama's q and k are out of order") {
  for (const auto& [from, to] : std::map<std::string, std::string>{
           {"token_embd.weight", "model.embed_tokens.weight"},
           {"output_norm.weight", "model.norm.weight"},
           {"output.weight", "lm_head.weight"},
           {"blk.12.attn_norm.weight", "model.layers.12.input_layernorm.weight"},
           {"blk.0.attn_q.bias", "model.layers.0.self_attn.q_proj.bias"},
           {"blk.0.attn_k_norm.weight", "model.layers.0.self_attn.k_norm.weight"},
           {"blk.0.attn_q_norm.weight", "model.layers.0.self_attn.q_norm.weight"},
           {"blk.0.attn_output.weight", "model.layers.0.self_attn.o_proj.weight"},
           {"blk.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight"},
           {"rope_freqs.weight", "rope_freqs.weight"},
           {"blk.0.attn_q", "blk.0.attn_q"},
           {"blk.x.attn_q.weight", "blk.x.attn_q.weight"},
           {"blk.0.ssm_in.weight", "blk.0.ssm_in.weight"}})
    CHECK(hugging_face_name(from) == to);
  for (const auto& [architecture, heads] :
       std::map<std::string, int64_t>{{"llama", 2}, {"qwen2", 0}, {"qwen3", 0}}) {
    Gguf file = model_file(architecture, 0, 1);
    file.tensor("token_embd.weight", {8, 16}, 0, 0);
    file.tensor("blk.0.attn_q.weight", {8, 8}, 0, 512).data(512 + 256);
    const auto model = model_of(file);
    CHECK(model->find("model.layers.0.self_attn.q_proj.weight")->interleaved_heads == heads);
    const Json config = model->implied_config();
    CHECK(config.string("model_type") == architecture);
    CHECK(config.at("architectures")[0].string() == (architecture == "llama" ? "LlamaForCausalLM"
                                                     : architecture == "qwen2"
                                                         ? "Qwen2ForCausalLM"
                                                         : "Qwen3ForCausalLM"));
    CHECK(config.integer("num_key_value_heads") == 2);
    CHECK(config.integer("head_dim") == 4);
    CHECK(config.integer("vocab_size") == 16);
    CHECK(config.number("rope_theta") == 10000);
    CHECK(config.integer("eos_token_id") == 5);
    CHECK(config.boolean("tie_word_embeddings"));
    CHECK_FALSE(config.boolean("attention_bias"));
  }
}

TEST_CASE("the implied config says rope scaling, two end tokens and an untied head") {
  const Json tiny = Checkpoint::open(kData + "tiny_llama.gguf")->implied_config();
  CHECK_FALSE(tiny.find("rope_scaling"));  // its factors are a tensor
  CHECK(tiny.at("eos_token_id")[0].integer() == 1);
  CHECK(tiny.at("eos_token_id")[1].integer() == 2);
  CHECK_FALSE(tiny.boolean("tie_word_embeddings"));
  CHECK(tiny.boolean("attention_bias"));
  CHECK(tiny.number("rms_norm_eps") == 1e-6);
  Gguf yarn = model_file("qwen2", 3);
  yarn.entry("qwen2.rope.scaling.type", "yarn").entry("qwen2.rope.scaling.factor", 6, 4.0f);
  yarn.entry("qwen2.rope.scaling.original_context_length", 4, uint32_t{32768});
  yarn.tensor("token_embd.weight", {8, 16}, 0, 0).data(512);
  const Json scaling = model_of(yarn)->implied_config().at("rope_scaling");
  CHECK(scaling.string("rope_type") == "yarn");
  CHECK(scaling.number("factor") == 4);
  CHECK(scaling.integer("original_max_position_embeddings") == 32768);
}

TEST_CASE("a file that is no model of winnow's can be looked into, and opening it says why not") {
  const auto refuses = [](const Gguf& file, Code code, const std::string& part) {
    const auto read = GgufFile::read(bytes_of(file.bytes()), "f", nullptr);
    return holds(error_of([&] { gguf_checkpoint(read); }), code, part);
  };
  CHECK(refuses(Gguf(0, 1).entry("general.architecture", "bert"), Code::kUnsupported,
                "want one of llama, qwen2, qwen3, got `bert`"));
  CHECK(refuses(Gguf(0, 0), Code::kCorrupt, "missing key `general.architecture`"));
  CHECK(refuses(Gguf(0, 1).entry("general.architecture", "llama"), Code::kCorrupt,
                "want a matrix `token_embd.weight`"));
  CHECK(refuses(model_file("llama", 1)
                    .entry("split.count", 2, uint16_t{3})
                    .tensor("token_embd.weight", {8, 16}, 0, 0)
                    .data(512),
                Code::kUnsupported, "one of 3 parts"));
  CHECK(refuses(model_file("llama", 1)
                    .entry("llama.expert_count", 4, 8)
                    .tensor("token_embd.weight", {8, 16}, 0, 0)
                    .data(512),
                Code::kUnsupported, "llama.expert_count of 8"));
  CHECK(refuses(model_file("qwen3", 0, 1)
                    .tensor("token_embd.weight", {8, 16}, 0, 0)
                    .tensor("rope_freqs.weight", {2}, 0, 512)
                    .data(520),
                Code::kUnsupported, "want no rope_freqs.weight in a model of qwen3"));
  CHECK(refuses(model_file("llama", 1)
                    .entry("llama.rope.dimension_count", 4, 2)
                    .tensor("token_embd.weight", {8, 16}, 0, 0)
                    .data(512),
                Code::kUnsupported, "llama.rope.dimension_count of 4, the size of a head, got 2"));
  CHECK(refuses(model_file("llama").tensor("token_embd.weight", {256, 1}, 10, 0).data(84),
                Code::kUnsupported, "got Q2_K"));
  CHECK(refuses(model_file("llama", 0, 1)
                    .tensor("token_embd.weight", {8, 16}, 0, 0)
                    .tensor("blk.0.attn_q.weight", {8, 6}, 0, 512)
                    .data(512 + 192),
                Code::kCorrupt, "want rows for 2 heads of an even size, got [6, 8]"));
}

TEST_CASE(
    "SmolLM2's published file has the tensors and values that the format's own library finds") {
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
  CHECK(model->find("lm_head.weight") == nullptr);
  struct Row {
    std::string name;
    Shape shape;
    int64_t heads;
    double sum;  // of element i times i % 7 + 1, in PyTorch's order, by the gguf package and numpy
    std::vector<float> row5;  // its first values
    float last;
  };
  for (const auto& [name, shape, heads, sum, row5, last] :
       {Row{"layers.0.self_attn.q_proj",
            {576, 576},
            9,
            250.08290100097656,
            {0.0125732421875f, 0.1724853515625f, -0.227294921875f, -0.547119140625f},
            -0.255859375f},
        Row{"layers.29.self_attn.k_proj",
            {192, 576},
            3,
            175.08992767333984,
            {0.0321807861328125f, -0.2431640625f, 0.0321807861328125f, -0.0290069580078125f},
            0.081939697265625f},
        Row{"embed_tokens",
            {49152, 576},
            0,
            -61167.81291627884,
            {-0.00799560546875f, -0.03997802734375f, -0.031982421875f, 0.0159912109375f},
            -0.0417022705078125f},
        Row{"layers.7.mlp.down_proj",
            {576, 1536},
            0,
            -545.1824035644531,
            {-0.353515625f, 0.4686279296875f, 0.194580078125f, 0.0301513671875f},
            0.05706787109375f}}) {
    CAPTURE(name);
    const StoredTensor* t = model->find("model." + name + ".weight");
    REQUIRE(t != nullptr);
    CHECK(t->shape == shape);
    CHECK(t->interleaved_heads == heads);
    const std::vector<float> values = to_f32(*t);
    double got = 0;
    for (size_t i = 0; i < values.size(); ++i)
      got += static_cast<double>(values[i]) * static_cast<double>(i % 7 + 1);
    CHECK(std::abs(got - sum) < 1e-6);
    for (int i = 0; i < 4; ++i) CHECK(values[5 * shape.dim(1) + i] == row5[i]);
    CHECK(values.back() == last);
  }
}

TEST_CASE("SmolLM2's published file says of its config and tokenizer what its authors do") {
  const std::optional<std::string> folder = real_model("smollm2-135m");
  if (!folder) {
    MESSAGE(why_skipped("smollm2-135m"));
    return;
  }
  const auto model = Checkpoint::open_folder(*folder);
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
