#include "weights/onnx.h"

#include <cmath>

#include "weights/files.h"

using namespace winnow;
using namespace winnow::test;

namespace {

constexpr int kFloat = 1, kU8 = 2, kI8 = 3, kI32 = 6, kI64 = 7, kString = 8, kHalf = 10;

std::shared_ptr<const Checkpoint> open(const std::string& file) {
  const auto kept = std::make_shared<std::string>(file);
  return onnx_checkpoint(bytes_of(*kept), "m.onnx", kept);
}

Error refusal(const std::string& file) {
  return error_of([&] { open(file); });
}

Proto scalar(std::string_view name, float value) {
  return onnx_tensor(name, kFloat, {}, raw<float>({value}));
}

const std::string kQuery = "/bert/encoder/layer.0/attention/self/query/MatMul_quant";
const std::string kQueryWeight = "bert.encoder.layer.0.attention.self.query.weight";

}  // namespace

TEST_CASE("a MatMulInteger weight gets its parameter's name from its node, and its quantization") {
  const auto file = open(onnx_model(
      {onnx_node("MatMulInteger", kQuery,
                 {"x", "onnx::MatMul_9_quantized", "x_zero", "onnx::MatMul_9_zero_point"}, {"y"})},
      {onnx_tensor("onnx::MatMul_9_quantized", kI8, {2, 3}, raw<int8_t>({1, 2, 3, -4, -5, -6})),
       scalar("onnx::MatMul_9_scale", 0.5f),
       onnx_tensor("onnx::MatMul_9_zero_point", kI8, {}, raw<int8_t>({-3}))}));
  REQUIRE(file->tensors().size() == 1);
  const StoredTensor* weight = file->find(kQueryWeight);
  REQUIRE(weight);
  CHECK(weight->transposed);
  CHECK(weight->dtype == DType::i8);
  CHECK(weight->shape == Shape{2, 3});
  CHECK(weight->quantization.scales == std::vector{0.5f});
  CHECK(weight->quantization.zero_points == std::vector<int32_t>{-3});
  CHECK(elements<int8_t>(weight->data, weight->bytes) == std::vector<int8_t>{1, 2, 3, -4, -5, -6});
  CHECK(file->find("encoder.layer.0.attention.self.query.weight") ==
        weight);  // with or without its prefix
}

TEST_CASE("a weight may have a scale for each column, and no zero point") {
  const auto file = open(
      onnx_model({onnx_node("MatMulInteger", "/classifier/Gemm_MatMul_quant",
                            {"x", "w_Transposed_quantized"}, {"y"})},
                 {onnx_tensor("w_Transposed_quantized", kU8, {2, 3}, "abcdef"),
                  onnx_tensor("w_Transposed_scale", kFloat, {3}, raw<float>({1.f, 2.f, 3.f}))}));
  const StoredTensor* weight = file->find("classifier.weight");
  REQUIRE(weight);
  CHECK(weight->quantization.axis == 1);
  CHECK(weight->quantization.scales == std::vector{1.f, 2.f, 3.f});
  CHECK(weight->quantization.zero_points == std::vector<int32_t>{0, 0, 0});
}

TEST_CASE("a quantized table keeps its name, and is not transposed") {
  const auto file = open(onnx_model(
      {onnx_node("Gather", "/embeddings/Gather", {"e.weight_quantized", "ids"}, {"y"})},
      {onnx_tensor("e.weight_quantized", kU8, {2, 2}, "abcd"), scalar("e.weight_scale", 0.25f),
       onnx_tensor("e.weight_zero_point", kU8, {}, "\x80")}));
  REQUIRE(file->tensors().size() == 1);
  const StoredTensor* table = file->find("e.weight");
  REQUIRE(table);
  CHECK(!table->transposed);
  CHECK(table->quantization.zero_points == std::vector<int32_t>{128});
}

TEST_CASE("plain products are named by their nodes, Gemm by its own weight") {
  const std::string four = raw<float>({1, 2, 3, 4});
  Proto gemm =
      onnx_node("Gemm", "/classifier/Gemm", {"x", "classifier.weight", "classifier.bias"}, {"z"});
  gemm.message(5, Proto().text(1, "transB").integer(3, 1));
  const auto file = open(onnx_model(
      {onnx_node("MatMul", "/encoder/layer.1/output/dense/MatMul", {"x", "onnx::MatMul_1"}, {"y"}),
       gemm, onnx_node("MatMul", "/encoder/layer.1/attention/self/MatMul_1", {"p", "v"}, {"c"}),
       onnx_node("MatMul", "MatMul_7", {"x", "head.weight"}, {"w"})},
      {onnx_tensor("onnx::MatMul_1", kFloat, {4, 1}, four),
       onnx_tensor("classifier.weight", kFloat, {1, 4}, four),
       onnx_tensor("classifier.bias", kFloat, {1}, raw<float>({1})),
       onnx_tensor("head.weight", kFloat, {2, 2}, four)}));
  REQUIRE(file->tensors().size() == 4);
  REQUIRE(file->find("encoder.layer.1.output.dense.weight"));
  CHECK(file->find("encoder.layer.1.output.dense.weight")->transposed);
  CHECK(!file->find("classifier.weight")->transposed);
  CHECK(file->find("head.weight")->transposed);
  CHECK(file->find("absent") == nullptr);
}

TEST_CASE("Identity nodes name a tensor again, and two names of one module are one parameter") {
  const std::string two = raw<float>({1, 2});
  const auto file =
      open(onnx_model({onnx_node("Identity", "Identity_1", {"b.bias"}, {"a.bias"}),
                       onnx_node("Identity", "Identity_2", {"a.bias"}, {"c.bias"}),
                       onnx_node("MatMul", "/m/MatMul", {"x", "onnx::MatMul_1"}, {"y"}),
                       onnx_node("MatMul", "/m/MatMul_1", {"z", "onnx::MatMul_1"}, {"w"})},
                      {onnx_tensor("b.bias", kFloat, {2}, two),
                       onnx_tensor("onnx::MatMul_1", kFloat, {2, 1}, two)}));
  REQUIRE(file->tensors().size() == 4);
  CHECK(file->find("a.bias")->data == file->find("b.bias")->data);
  CHECK(file->find("c.bias")->data == file->find("b.bias")->data);
  CHECK(file->find("m.weight"));
}

TEST_CASE("elements are read from typed fields too, packed or one by one") {
  const auto tensor = [](int type, std::initializer_list<int64_t> dims, const char* name) {
    Proto out;
    out.packed(1, dims).integer(2, type).text(8, name);
    return out;
  };
  Proto wide = tensor(11, {1}, "f64");
  wide.text(10, raw<double>({0.5}));
  const auto file =
      open(onnx_model({}, {tensor(kFloat, {2}, "packed").text(4, raw<float>({1.5f, 2.5f})),
                           tensor(kFloat, {3}, "mixed")
                               .text(4, raw<float>({1.5f}))
                               .real(4, -1.f)
                               .text(4, raw<float>({9.f})),
                           tensor(kI8, {3}, "i8").packed(5, {1, -1, -128}),
                           tensor(kHalf, {1}, "f16").integer(5, 0x3C00),
                           tensor(kI64, {2}, "i64").packed(7, {-5, 1}),
                           tensor(kI32, {1}, "i32").integer(5, -9), wide}));
  const auto at = [&](const char* name) { return file->find(name); };
  CHECK(elements<float>(at("packed")->data, 8) == std::vector{1.5f, 2.5f});
  CHECK(elements<float>(at("mixed")->data, 12) == std::vector{1.5f, -1.f, 9.f});
  CHECK(elements<int8_t>(at("i8")->data, 3) == std::vector<int8_t>{1, -1, -128});
  CHECK(elements<uint16_t>(at("f16")->data, 2) == std::vector<uint16_t>{0x3C00});
  CHECK(elements<int64_t>(at("i64")->data, 16) == std::vector<int64_t>{-5, 1});
  CHECK(elements<int32_t>(at("i32")->data, 4) == std::vector<int32_t>{-9});
  CHECK(elements<double>(at("f64")->data, 8) == std::vector{0.5});
}

TEST_CASE("gamma and beta of old files read as weight and bias") {
  const std::string one = raw<float>({1});
  const auto file =
      open(onnx_model({}, {onnx_tensor("bert.embeddings.LayerNorm.gamma", kFloat, {1}, one),
                           onnx_tensor("bert.embeddings.LayerNorm.beta", kFloat, {1}, one)}));
  CHECK(file->find("embeddings.LayerNorm.weight"));
  CHECK(file->find("bert.embeddings.LayerNorm.bias"));
}

TEST_CASE("a name is found with a prefix more or less, itself first") {
  const std::string one = raw<float>({1});
  const auto file = open(onnx_model(
      {}, {onnx_tensor("a", kFloat, {1}, one), onnx_tensor("model.a", kFloat, {1}, one),
           onnx_tensor("roberta.b", kFloat, {1}, one), onnx_tensor("c", kFloat, {1}, one)}));
  CHECK(file->find("a")->name == "a");
  CHECK(file->find("model.a")->name == "model.a");
  CHECK(file->find("bert.a")->name == "a");
  CHECK(file->find("b")->name == "roberta.b");
  CHECK(file->find("model.c")->name == "c");
  CHECK(file->find("other.c") == nullptr);
}

TEST_CASE("files that are no model, or no whole one, are refused") {
  CHECK(holds(refusal(""), Code::kCorrupt,
              "m.onnx: at byte 0: want an ONNX model, got no graph in 0 bytes"));
  CHECK(holds(refusal("version https://git-lfs.github.com/spec/v1\n"), Code::kCorrupt, "at byte "));
  const std::string two = onnx_model({}, {}) + onnx_model({}, {});
  CHECK(holds(refusal(two), Code::kCorrupt, "want one graph"));
  CHECK(holds(refusal(Proto().integer(7, 1).bytes()), Code::kCorrupt, "want wire type 2, got 0"));
  const std::string file = onnx_model({onnx_node("MatMul", "/m/MatMul", {"x", "w"}, {"y"})},
                                      {onnx_tensor("w", kFloat, {2, 1}, raw<float>({1, 2}))});
  REQUIRE(open(file)->tensors().size() == 1);
  for (size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal(file.substr(0, size)).code() == Code::kCorrupt);
  }
}

TEST_CASE("shapes that overflow, are negative or disagree with their bytes are refused by name") {
  const auto with = [](std::initializer_list<int64_t> dims) {
    return refusal(onnx_model({}, {onnx_tensor("w", kFloat, dims, "abcd")}));
  };
  constexpr int64_t kHuge = INT64_MAX;
  CHECK(holds(with({kHuge}), Code::kCorrupt, "`w`: want fewer than 2^63 bytes"));
  CHECK(holds(with({int64_t{1} << 32, int64_t{1} << 32}), Code::kCorrupt, "2^63"));
  CHECK(holds(with({kHuge, kHuge, 0}), Code::kCorrupt, "2^63"));
  CHECK(holds(with({INT64_MIN}), Code::kCorrupt, "dimensions from 0"));
  CHECK(holds(with({-1, -1}), Code::kCorrupt, "dimensions from 0"));
  CHECK(holds(with({2}), Code::kCorrupt, "want 8 bytes for its shape, got 4"));
  CHECK(holds(with({0}), Code::kCorrupt, "want 0 bytes"));
  CHECK(holds(with({1, 1, 1, 1, 1}), Code::kUnsupported, "got 5"));
}

TEST_CASE("what a container of weights does not hold is refused as unsupported") {
  Proto outside = onnx_tensor("w", kFloat, {1}, "");
  outside.message(13, Proto().text(1, "location").text(2, "weights.bin"));
  CHECK(holds(refusal(onnx_model({}, {outside})), Code::kUnsupported,
              "`w`: want its data in this file, got external data"));
  CHECK(holds(refusal(onnx_model({}, {onnx_tensor("w", kFloat, {1}, "").integer(14, 1)})),
              Code::kUnsupported, "external data"));
  CHECK(holds(refusal(onnx_model({}, {onnx_tensor("w", kString, {1}, "abcd")})), Code::kUnsupported,
              "got 8"));
  CHECK(holds(refusal(onnx_model({}, {onnx_tensor("w", 99, {1}, "abcd")})), Code::kUnsupported,
              "got 99"));
  CHECK(holds(refusal(Proto().message(7, Proto().text(15, "")).bytes()), Code::kUnsupported,
              "sparse"));
}

TEST_CASE("initializers without a name, or with another's, are refused with both places") {
  const Proto w = onnx_tensor("w", kFloat, {1}, raw<float>({1}));
  CHECK(holds(refusal(onnx_model({}, {w, w})), Code::kCorrupt,
              "want one tensor `w`, got another at byte "));
  CHECK(holds(refusal(onnx_model({}, {onnx_tensor("", kFloat, {1}, "abcd")})), Code::kCorrupt,
              "with a name"));
  CHECK(holds(refusal(onnx_model({onnx_node("MatMul", "/m/MatMul", {"x", "v1"}, {"y"}),
                                  onnx_node("MatMul", "/m/MatMul", {"x", "v2"}, {"z"})},
                                 {onnx_tensor("v1", kFloat, {1, 1}, "abcd"),
                                  onnx_tensor("v2", kFloat, {1, 1}, "abcd")})),
              Code::kCorrupt, "`m.weight`"));
  CHECK(holds(refusal(onnx_model({onnx_node("Identity", "i", {"w"}, {"w"})}, {w})), Code::kCorrupt,
              "`w`"));
  Proto twice = w;
  twice.text(9, "abcd");
  CHECK(holds(refusal(onnx_model({}, {twice})), Code::kCorrupt, "want raw_data once"));
  CHECK(holds(refusal(onnx_model({}, {onnx_tensor("\xff", kFloat, {1}, "abcd")})), Code::kCorrupt,
              "UTF-8"));
}

TEST_CASE("scales and zero points that do not fit their weight are refused by name") {
  const auto with = [](const Proto& weight, const Proto& scale, const Proto& zero) {
    return refusal(onnx_model(
        {onnx_node("MatMulInteger", kQuery, {"x", "q_quantized", "", "q_zero_point"}, {"y"})},
        {weight, scale, zero}));
  };
  const Proto weight = onnx_tensor("q_quantized", kI8, {2, 3}, "abcdef"),
              scale = scalar("q_scale", 1.f), zero = onnx_tensor("q_zero_point", kI8, {}, "\1");
  const auto scales = [](std::initializer_list<int64_t> dims, std::initializer_list<float> values) {
    return onnx_tensor("q_scale", kFloat, dims, raw<float>(values));
  };
  CHECK(holds(with(weight, scales({2}, {1, 1}), zero), Code::kUnsupported,
              "`q_scale`: want f32 [] or [3]"));
  CHECK(holds(with(weight, scales({0}, {}), zero), Code::kUnsupported, "got f32 [0]"));
  CHECK(holds(with(weight, scales({1, 3}, {1, 1, 1}), zero), Code::kUnsupported, "got f32 [1, 3]"));
  CHECK(holds(with(weight, scalar("q_scale", NAN), zero), Code::kCorrupt, "want finite scales"));
  CHECK(holds(with(weight, scalar("q_scale", -1.f), zero), Code::kCorrupt, "got -1"));
  CHECK(holds(with(weight, scalar("other", 1.f), zero), Code::kUnsupported,
              "`q_scale` beside it, got none"));
  CHECK(holds(with(weight, scale, onnx_tensor("q_zero_point", kU8, {}, "\1")), Code::kUnsupported,
              "want i8"));
  CHECK(holds(with(weight, scale, onnx_tensor("elsewhere", kI8, {}, "\1")), Code::kUnsupported,
              "zero point"));
  CHECK(holds(with(onnx_tensor("q_quantized", kI8, {6}, "abcdef"), scale, zero), Code::kUnsupported,
              "of 2 dimensions"));
  CHECK(holds(with(onnx_tensor("q_quantized", kFloat, {1, 1}, "abcd"), scale, zero),
              Code::kUnsupported, "want i8 or u8"));
  const auto per_column_zero = open(onnx_model(
      {onnx_node("MatMulInteger", kQuery, {"x", "q_quantized", "", "q_zero_point"}, {"y"})},
      {weight, scale, onnx_tensor("q_zero_point", kI8, {3}, "\1\2\3")}));
  const Quantization& q = per_column_zero->find(kQueryWeight)->quantization;
  CHECK(q.scales == std::vector{1.f, 1.f, 1.f});
  CHECK(q.zero_points == std::vector<int32_t>{1, 2, 3});
}

TEST_CASE("graphs within graphs are passed over however deep they are") {
  Proto graph;
  for (int depth = 0; depth < 2000; ++depth) {
    Proto node = onnx_node("If", "if", {"c"}, {"y"});
    node.message(5, Proto().text(1, "then_branch").message(6, graph));
    graph = Proto().message(1, node);
  }
  CHECK(open(Proto().message(7, graph).bytes())->tensors().empty());
}

TEST_CASE("a graph of more than a million nodes is refused") {
  std::string nodes;
  for (int i = 0; i <= 1'000'000; ++i) nodes += std::string_view("\x0a\x00", 2);
  CHECK(holds(refusal(Proto().text(7, nodes).bytes()), Code::kUnsupported,
              "want at most 1000000 nodes"));
}

TEST_CASE("a graph that is no BERT encoder implies no config, and says what it lacks") {
  const auto file = open(onnx_model({}, {onnx_tensor("w", kFloat, {1}, raw<float>({1}))}));
  CHECK(holds(error_of([&] { file->implied_config(); }), Code::kUnsupported,
              "`embeddings.word_embeddings.weight`"));
}

namespace {

// An encoder of one layer, hidden 4, as little of it as the config is read from. `heads`, `size`:
// the last two of the shape of its heads.
std::string small_bert(int64_t heads, int64_t size, float eps, std::string_view activation,
                       std::string_view extra = "Add") {
  const auto constant = [](std::string_view output, const Proto& value) {
    Proto node = onnx_node("Constant", output, {}, {output});
    return node.message(5, Proto().text(1, "value").message(5, value));
  };
  const auto number = [&](std::string_view output, int64_t value) {
    return constant(output, onnx_tensor("", kI64, {1}, raw<int64_t>({value})));
  };
  const auto matrix = [](std::string_view name, int64_t rows, int64_t columns) {
    return onnx_tensor(name, kU8, {rows, columns},
                       std::string(static_cast<size_t>(rows * columns), 'x'));
  };
  return onnx_model(
      {number("heads", heads), number("size", size),
       constant("eps", onnx_tensor("", kFloat, {}, raw<float>({eps}))),
       onnx_node("Concat", "/encoder/layer.0/attention/self/Concat",
                 {"batch", "length", "heads", "size"}, {"shape"}),
       onnx_node("Add", "/embeddings/LayerNorm/Add", {"variance", "eps"}, {"sum"}),
       onnx_node(activation, "act", {"x"}, {"a"}), onnx_node(extra, "extra", {"ids"}, {"e"}),
       onnx_node("MatMul", "/encoder/layer.0/intermediate/dense/MatMul", {"x", "onnx::MatMul_1"},
                 {"up"})},
      {matrix("embeddings.word_embeddings.weight", 9, 4),
       matrix("embeddings.position_embeddings.weight", 7, 4),
       matrix("embeddings.token_type_embeddings.weight", 2, 4), matrix("onnx::MatMul_1", 4, 6)});
}

}  // namespace

TEST_CASE("a graph's sizes, heads and epsilon make its config") {
  const Json config = open(small_bert(2, 2, 1e-12f, "Erf"))->implied_config();
  CHECK(config.string("model_type") == "bert");
  CHECK(config.at("architectures")[0].string() == "BertModel");
  CHECK(config.integer("hidden_size") == 4);
  CHECK(config.integer("num_hidden_layers") == 1);
  CHECK(config.integer("num_attention_heads") == 2);
  CHECK(config.integer("intermediate_size") == 6);
  CHECK(config.integer("vocab_size") == 9);
  CHECK(config.integer("max_position_embeddings") == 7);
  CHECK(config.integer("type_vocab_size") == 2);
  CHECK(config.number("layer_norm_eps") == 1e-12);
  CHECK(config.string("hidden_act") == "gelu");
  CHECK(!config.find("num_labels"));
  CHECK(open(small_bert(-1, 1, 1e-5f, "Erf"))->implied_config().integer("num_attention_heads") ==
        4);
}

TEST_CASE("a Constant of text does not stand in the config's way") {
  Proto text = onnx_node("Constant", "label", {}, {"label"});
  text.message(5, Proto().text(1, "value").message(5, onnx_tensor("", kString, {1}, "")));
  std::string file = small_bert(2, 2, 1e-12f, "Erf");
  const std::string with_text = onnx_model({text}, {});
  Proto graph;  // both graphs' nodes, in one
  for (const std::string& model : {file, with_text}) {
    WireReader fields(bytes_of(model), 0, model);
    for (WireField field; fields.next(field);)
      if (field.number == 7)
        graph.add({reinterpret_cast<const char*>(field.bytes.data()), field.bytes.size()});
  }
  CHECK(open(Proto().message(7, graph).bytes())->implied_config().integer("hidden_size") == 4);
}

TEST_CASE("a graph that winnow would misread is unsupported") {
  const auto why = [](const std::string& file) {
    return error_of([&] { open(file)->implied_config(); });
  };
  CHECK(holds(why(small_bert(3, 2, 1e-12f, "Erf")), Code::kUnsupported,
              "one number of heads, got 0"));
  CHECK(holds(why(small_bert(2, 0, 1e-12f, "Erf")), Code::kUnsupported, "heads"));
  CHECK(holds(why(small_bert(2, INT64_MIN, 1e-12f, "Erf")), Code::kUnsupported, "heads"));
  CHECK(holds(why(small_bert(2, 2, 1e-12f, "Tanh")), Code::kUnsupported, "GELU by erf"));
  CHECK(
      holds(why(small_bert(2, 2, 1e-12f, "Erf", "CumSum")), Code::kUnsupported, "CumSum `extra`"));
}
