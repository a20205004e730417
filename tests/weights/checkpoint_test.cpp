#include "weights/checkpoint.h"

#include <cmath>

#include "real_models.h"
#include "weights/files.h"

using namespace winnow;
using namespace winnow::test;

namespace {

const std::string kData = std::string(WINNOW_TEST_DATA) + "/weights/";

// Element [row, column] in PyTorch's order, as a real number. Wants f32, i8 or u8 of rank 1 or 2.
float real_at(const StoredTensor& t, int64_t row, int64_t column) {
  const int64_t columns = t.shape.rank() == 2 ? t.shape.dim(1) : 1;
  const int64_t at = t.transposed ? column * columns + row : row * columns + column;
  if (t.dtype == DType::f32) {
    float value;
    std::memcpy(&value, t.data + 4 * at, 4);
    return value;
  }
  const int stored =
      t.dtype == DType::i8 ? static_cast<int8_t>(t.data[at]) : std::to_integer<int>(t.data[at]);
  const Quantization& q = t.quantization;
  const auto one = static_cast<size_t>(q.scales.size() == 1 ? 0
                                       : q.axis == 1        ? at % columns
                                                            : at / columns);
  return (static_cast<float>(stored) - static_cast<float>(q.zero_points[one])) * q.scales[one];
}

std::pair<int64_t, int64_t> sizes(const StoredTensor& t) {
  const int64_t first = t.shape.rank() > 0 ? t.shape.dim(0) : 1,
                second = t.shape.rank() == 2 ? t.shape.dim(1) : 1;
  return t.transposed ? std::pair(second, first) : std::pair(first, second);
}

}  // namespace

TEST_CASE("a folder's checkpoint is its first known file, and a folder without one is not found") {
  const TempFolder folder;
  CHECK(
      holds(error_of([&] { Checkpoint::open_folder(folder.path()); }), Code::kNotFound,
            folder.path() +
                ": want model.safetensors, model.safetensors.index.json, a file *.gguf, "
                "pytorch_model.bin, pytorch_model.bin.index.json, model.onnx or onnx/model.onnx"));
  CHECK(holds(error_of([&] { Checkpoint::open_folder(folder.path() + "/absent"); }),
              Code::kNotFound, "/absent: want a model's folder"));
  const std::string file = folder.write("onnx/model.onnx", onnx_model({}, {}));
  CHECK(holds(error_of([&] { Checkpoint::open_folder(file); }), Code::kNotFound, "got a file"));
  CHECK(Checkpoint::open_folder(folder.path())->path() == file);
  folder.write("model.onnx", onnx_model({}, {}));
  CHECK(Checkpoint::open_folder(folder.path())->path() == folder.path() + "/model.onnx");
  folder.write("model.safetensors", safetensors("{}", ""));
  CHECK(Checkpoint::open_folder(folder.path())->path() == folder.path() + "/model.safetensors");
  CHECK(Checkpoint::open(folder.path())->path() == folder.path() + "/model.safetensors");
  CHECK(Checkpoint::open(file)->path() == file);
  CHECK(holds(error_of([&] { Checkpoint::open(folder.path() + "/absent.txt"); }), Code::kNotFound,
              "absent.txt"));
  CHECK(holds(error_of([&] { Checkpoint::open(folder.write("model.h5", "")); }), Code::kUnsupported,
              "want a folder or a file *.safetensors"));
}

TEST_CASE("an empty or absent file is an error that names it") {
  const TempFolder folder;
  for (const std::string name : {"model.safetensors", "model.onnx"}) {
    CAPTURE(name);
    const std::string path = folder.write(name, "");
    const bool onnx = path.ends_with(".onnx");
    const auto open = [onnx](const std::string& file) {
      onnx ? Checkpoint::open_onnx(file) : Checkpoint::open_safetensors(file);
    };
    CHECK(holds(error_of([&] { open(path); }), Code::kCorrupt, path + ": at byte 0"));
    CHECK(holds(error_of([&] { open(folder.path() + "/no_" + name); }), Code::kNotFound, "no_"));
  }
}

TEST_CASE("one model as safetensors, fp32 ONNX and INT8 ONNX is one set of parameters") {
  const auto want = Checkpoint::open_safetensors(kData + "tiny.safetensors");
  const auto fp32 = Checkpoint::open_onnx(kData + "tiny_fp32.onnx");
  const auto int8 = Checkpoint::open_onnx(kData + "tiny_int8.onnx");
  REQUIRE(want->tensors().size() == 25);
  REQUIRE(fp32->tensors().size() == 25);
  REQUIRE(int8->tensors().size() == 25);
  int quantized = 0;
  for (const StoredTensor* t : want->tensors()) {
    CAPTURE(t->name);
    const StoredTensor* plain = fp32->find(t->name);
    const StoredTensor* small = int8->find(t->name);
    REQUIRE((plain && plain->name == t->name));
    REQUIRE((small && small->name == t->name));
    REQUIRE(sizes(*plain) == sizes(*t));
    REQUIRE(sizes(*small) == sizes(*t));
    float step = 0;  // rounding to the nearest moves a weight by half a step, rounding the zero
                     // point by another half
    for (const float scale : small->quantization.scales) step = std::max(step, scale);
    quantized += step > 0;
    for (int64_t row = 0; row < sizes(*t).first; ++row)
      for (int64_t column = 0; column < sizes(*t).second; ++column) {
        CHECK(real_at(*plain, row, column) == real_at(*t, row, column));
        CHECK(std::abs(real_at(*small, row, column) - real_at(*t, row, column)) <= 1.01f * step);
      }
  }
  CHECK(quantized == 11);  // 6 of the layer, pooler, classifier, 3 tables
  for (const auto& file : {fp32, int8}) {
    const Json config = file->implied_config();
    CHECK(config.at("architectures")[0].string() == "BertForSequenceClassification");
    CHECK(config.integer("num_labels") == 3);
    CHECK(config.integer("num_attention_heads") == 2);
    CHECK(config.integer("hidden_size") == 6);
    CHECK(config.integer("intermediate_size") == 10);
    CHECK(config.number("layer_norm_eps") == 1e-12);
  }
  CHECK(want->implied_config().is_null());
}

TEST_CASE("the default models hold the parameters that their own library finds in them") {
  struct Row {
    std::string folder;
    size_t tensors;
    double sum;  // of element i of each parameter times i % 7 + 1, by numpy on the files as onnx
                 // and safetensors read them
  };
  for (const auto& [name, tensors, sum] :
       {Row{"ms-marco-minilm-l12", 201, 14464.3813627772},
        Row{"bge-small-en", 197, 10412.07745847688}, Row{"colbert-small", 199, 10136.134084221438},
        Row{"all-minilm-l6", 104, 531490.7918661102}}) {
    const std::optional<std::string> folder = real_model(name);
    CAPTURE(name);
    if (!folder) {
      MESSAGE(why_skipped(name));
      continue;
    }
    const auto file = Checkpoint::open_folder(*folder);
    CHECK(file->tensors().size() == tensors);
    double got = 0;
    for (const StoredTensor* t : file->tensors()) {
      const auto [rows, columns] = sizes(*t);
      if (t->dtype == DType::i64) {
        const auto ids = elements<int64_t>(t->data, t->bytes);
        for (size_t i = 0; i < ids.size(); ++i)
          got += static_cast<double>(ids[i]) * static_cast<double>(i % 7 + 1);
        continue;
      }
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column)
          got += static_cast<double>(real_at(*t, row, column)) *
                 static_cast<double>((row * columns + column) % 7 + 1);
    }
    CHECK(std::abs(got - sum) < 1e-6);
    if (!file->path().ends_with(".onnx")) continue;
    const Json config = file->implied_config();
    CHECK(config.integer("num_hidden_layers") == 12);
    CHECK(config.integer("num_attention_heads") == 12);
    CHECK(config.integer("hidden_size") == 384);
    CHECK(config.number("layer_norm_eps") == 1e-12);
    CHECK(config.integer("num_labels", 0) == (std::string_view(name).starts_with("ms-") ? 1 : 0));
  }
}
