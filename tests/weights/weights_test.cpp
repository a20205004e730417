#include "weights/weights.h"

#include "tensor/blocks.h"
#include "weights/files.h"
#include "weights/to_f32.h"

using namespace winnow;
using namespace winnow::test;

namespace {

const std::string kData = std::string(WINNOW_TEST_DATA) + "/weights/";

// What a device was handed to pack.
struct Kept final : PackedLinear {
  LinearSource source;
  DType dtype;
  Kept(LinearSource s, DType d) : source(std::move(s)), dtype(d) {}
  int64_t bytes() const override { return 1; }
};
Kernels keeping() {
  Kernels kernels;
  kernels.device = "none";
  kernels.pack = [](LinearSource source, DType dtype, Memory&) {
    Linear linear{.in = source.in, .out = source.out, .dtype = dtype, .packed = nullptr};
    linear.packed = std::make_shared<Kept>(std::move(source), dtype);
    return linear;
  };
  return kernels;
}
LinearSource source_of(const Linear& linear) {
  return static_cast<const Kept&>(*linear.packed).source;
}

std::vector<float> values_of(const LinearSource& source) {
  if (source.block_rows.empty()) return source.weight;
  std::vector<float> out(source.in * source.out);
  for (int64_t row = 0; row < source.out; ++row)
    dequantize_row(source.block_rows[row].dtype, source.block_rows[row].data, source.in,
                   out.data() + row * source.in);
  return out;
}

}  // namespace

TEST_CASE(
    "weights in blocks reach packing as rows of the file, in order, in formats side by side") {
  const Kernels kernels = keeping();
  const auto file = Checkpoint::open(kData + "tiny_llama.gguf");
  const Weights kept(file, kernels, DType::f32), plain(file, kernels, DType::f32, false),
      want(Checkpoint::open(kData + "tiny_llama.safetensors"), kernels, DType::f32);
  const auto qkv = [](const Weights& all) {
    return all.scope("model.layers.0.self_attn").linear({"q_proj", "k_proj", "v_proj"});
  };
  const LinearSource blocks = source_of(qkv(kept));
  REQUIRE(blocks.block_rows.size() == 64);
  CHECK(blocks.weight.empty());
  CHECK(blocks.block_rows[0].dtype == DType::q4_k);
  CHECK(blocks.block_rows[32].dtype == DType::q5_k);
  CHECK(blocks.block_rows[63].dtype == DType::q8_0);
  CHECK(qkv(kept).dtype == DType::q4_k);
  CHECK(values_of(blocks) == source_of(qkv(want)).weight);
  CHECK(blocks.bias == source_of(qkv(want)).bias);
  // Row 1 of a head of 8 is the second of its first half: the third in the file.
  const StoredTensor* q = file->find("model.layers.0.self_attn.q_proj.weight");
  CHECK(blocks.block_rows[1].data == q->data + 2 * q->bytes / 32);

  CHECK(source_of(qkv(plain)).block_rows.empty());
  CHECK(source_of(qkv(plain)).weight == source_of(qkv(want)).weight);
  const Linear own = kept.linear({"model.layers.0.mlp.up_proj"}, DType::f32);
  CHECK(own.dtype == DType::f32);
  CHECK(source_of(own).block_rows.empty());
  // A neighbour that is not in blocks: all of them from f32.
  const Linear mixed = kept.linear({"model.embed_tokens", "lm_head"});
  CHECK(mixed.dtype == DType::f32);
  CHECK(source_of(mixed).weight.size() == 16 * 256);
}

TEST_CASE("tables are borrowed as they lie, or converted when blocks are not to be kept") {
  const Kernels kernels = keeping();
  const auto file = Checkpoint::open(kData + "tiny_llama.gguf");
  const auto want = Checkpoint::open(kData + "tiny_llama.safetensors");
  for (const auto& [name, dtype] :
       {std::pair<std::string, DType>{"model.embed_tokens", DType::q6_k},
        {"lm_head", DType::bf16}}) {
    const Table kept = Weights(file, kernels, DType::f32).table(name);
    CHECK(kept.rows.dtype() == dtype);
    CHECK(kept.rows.shape() == Shape{8, 256});
    CHECK(kept.rows.data() == file->find(name + ".weight")->data);
    const Table plain = Weights(file, kernels, DType::f32, false).table(name);
    CHECK(plain.rows.dtype() == DType::f32);
    CHECK(std::vector<float>(plain.rows.as<float>(), plain.rows.as<float>() + 8 * 256) ==
          to_f32(*want->find(name + ".weight")));
  }
}

TEST_CASE("a vector is a weight alone, and a tensor that is read twice counts once") {
  const Kernels kernels = keeping();
  const Weights weights(Checkpoint::open(kData + "tiny_llama.gguf"), kernels, DType::f32);
  CHECK(weights.vector("model.norm").size() == 256);
  CHECK(weights.vector("rope_freqs").size() == 4);
  CHECK(weights.parameters() == 260);
  weights.table("model.embed_tokens");
  weights.linear("model.embed_tokens");
  CHECK(weights.parameters() == 260 + 8 * 256);
  CHECK(holds(error_of([&] { weights.vector("model.embed_tokens"); }), Code::kCorrupt,
              "want 1 dimensions, got [8, 256]"));
  CHECK(holds(error_of([&] { weights.norm("model.norm"); }), Code::kNotFound,
              "missing tensor `model.norm.bias`"));
}

TEST_CASE("the names of a bare model and of one below a task's head are one") {
  const TempFolder folder;
  const std::string file = folder.write(
      "a.safetensors",
      safetensors(R"({"distilbert.a.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                  R"("layer_norm.gamma":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},)"
                  R"("x.LayerNorm.beta":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
                  R"("layer_scale.gamma":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})",
                  raw<float>({1, 2, 3, 4})));
  const auto open = Checkpoint::open(file);
  CHECK(open->find("a.weight") != nullptr);
  CHECK(open->find("bert.layer_norm.weight") != nullptr);
  CHECK(open->find("x.LayerNorm.bias") != nullptr);
  CHECK(open->find("layer_scale.gamma") != nullptr);
  CHECK(open->find("layer_scale.weight") == nullptr);
}
