#include "weights/safetensors.h"

#include "weights/files.h"

using namespace winnow;
using namespace winnow::test;

namespace {

constexpr std::string_view kPath = "m.safetensors";

std::vector<StoredTensor> read(const std::string& file) {
  return read_safetensors(bytes_of(file), std::string(kPath));
}

Error refusal(const std::string& file) {
  return error_of([&] { read(file); });
}
Error refusal(std::string_view header, std::string_view buffer) {
  return refusal(safetensors(header, buffer));
}

std::string entry(std::string_view name, std::string_view dtype, std::string_view shape,
                  int64_t begin, int64_t end) {
  return cat('"', name, R"(":{"dtype":")", dtype, R"(","shape":)", shape, R"(,"data_offsets":[)",
             begin, ',', end, "]}");
}

}  // namespace

TEST_CASE("a safetensors file's tensors lie where its header says") {
  const std::string header =
      cat("{\"__metadata__\":{\"format\":\"pt\"},", entry("b", "F32", "[2,1]", 3, 11), ",",
          entry("a", "U8", "[3]", 0, 3), ",", entry("scalar", "I16", "[]", 11, 13), ",",
          entry("none", "F64", "[0,5]", 13, 13), "}   ");
  const std::string file =
      safetensors(header, "\x01\x02\x03" + raw<float>({1.5f, -2.f}) + raw<int16_t>({-7}));
  const std::vector<StoredTensor> tensors = read(file);
  REQUIRE(tensors.size() == 4);
  CHECK(tensors[0].name == "b");
  CHECK(tensors[0].dtype == DType::f32);
  CHECK(tensors[0].shape == Shape{2, 1});
  CHECK(elements<float>(tensors[0].data, tensors[0].bytes) == std::vector{1.5f, -2.f});
  CHECK(tensors[0].file_offset == static_cast<int64_t>(8 + header.size() + 3));
  CHECK(elements<uint8_t>(tensors[1].data, tensors[1].bytes) == std::vector<uint8_t>{1, 2, 3});
  CHECK(tensors[2].shape == Shape{});
  CHECK(elements<int16_t>(tensors[2].data, tensors[2].bytes) == std::vector<int16_t>{-7});
  CHECK(tensors[3].bytes == 0);
  CHECK(tensors[3].shape == Shape{0, 5});
}

TEST_CASE("every element type that the format shares with winnow is read") {
  for (const auto& [name, dtype] :
       std::initializer_list<std::pair<std::string, DType>>{{"F64", DType::f64},
                                                            {"F32", DType::f32},
                                                            {"F16", DType::f16},
                                                            {"BF16", DType::bf16},
                                                            {"I64", DType::i64},
                                                            {"I32", DType::i32},
                                                            {"I16", DType::i16},
                                                            {"I8", DType::i8},
                                                            {"U8", DType::u8},
                                                            {"BOOL", DType::boolean}}) {
    CAPTURE(name);
    const int64_t bytes = 2 * size_of(dtype);
    const std::string buffer(static_cast<size_t>(bytes), '\1');
    CHECK(read(safetensors(cat('{', entry("t", name, "[2]", 0, bytes), '}'), buffer))[0].dtype ==
          dtype);
  }
  CHECK(holds(refusal(cat('{', entry("t", "F8_E4M3", "[2]", 0, 2), '}'), "ab"), Code::kUnsupported,
              "F8_E4M3"));
  CHECK(holds(refusal(cat('{', entry("t", "Q9", "[2]", 0, 2), '}'), "ab"), Code::kCorrupt, "`Q9`"));
}

TEST_CASE("a header that does not fit its file is refused with its length") {
  CHECK(holds(refusal(""), Code::kCorrupt, "m.safetensors: at byte 0: want the 8 bytes"));
  CHECK(holds(refusal("1234567"), Code::kCorrupt, "got a file of 7"));
  CHECK(holds(refusal(raw<uint64_t>({3}) + "{}"), Code::kCorrupt, "got a length of 3"));
  CHECK(
      holds(refusal(raw<uint64_t>({~uint64_t{0}}) + "{}"), Code::kCorrupt, "18446744073709551615"));
  CHECK(holds(refusal(raw<uint64_t>({1ull << 63}) + "{}"), Code::kCorrupt, "9223372036854775808"));
  CHECK(holds(refusal(raw<uint64_t>({0})), Code::kCorrupt, "at byte 8"));
  CHECK(holds(refusal(" {}", ""), Code::kCorrupt, "at byte 8"));
  CHECK(holds(refusal("{\"a\":", ""), Code::kCorrupt, "not JSON"));
  CHECK(read(safetensors("{}", "")).empty());
}

TEST_CASE("a header above 100 MB is refused though the file holds it") {
  const TempFolder folder;
  const std::string path = folder.write("model.safetensors", raw<uint64_t>({100'000'001}) + "{}");
  std::filesystem::resize_file(path, 100'000'100);  // sparse
  CHECK(holds(error_of([&] { Checkpoint::open_safetensors(path); }), Code::kCorrupt,
              "at most 100000000 bytes"));
}

TEST_CASE("deep JSON is refused without a crash") {
  std::string deep = "{\"a\":";
  for (int i = 0; i < 200'000; ++i) deep += '[';
  CHECK(holds(refusal(deep, ""), Code::kCorrupt, "not JSON"));
  std::string nested = "{\"a\":";
  for (int i = 0; i < 20; ++i) nested += "{\"a\":";
  nested += '1';
  nested += std::string(21, '}');
  CHECK(holds(refusal(nested, ""), Code::kCorrupt, "not JSON"));
}

TEST_CASE("shapes whose size overflows or disagrees with their bytes are refused") {
  for (const std::string shape :
       {"[9223372036854775807,2]", "[4294967296,4294967296]", "[9223372036854775808]",
        "[18446744073709551615]", "[1e300]", "[-1]", "[1.5]", "[1.0]", "[\"1\"]", "[[4]]", "{}",
        "null", "4", "[2]", "[1,0]", "[4611686018427387904,4,0]"}) {
    CAPTURE(shape);
    const Error error = refusal(cat('{', entry("t", "F32", shape, 0, 4), '}'), "abcd");
    CHECK(holds(error, Code::kCorrupt, "at byte "));
    CHECK(holds(error, Code::kCorrupt, "`t`"));
  }
  CHECK(holds(refusal(cat('{', entry("t", "U8", "[1,1,1,1,1]", 0, 1), '}'), "a"),
              Code::kUnsupported, "at most 4 dimensions, got 5"));
}

TEST_CASE("byte ranges outside the buffer, backwards or not numbers are refused") {
  CHECK(holds(refusal(cat('{', entry("t", "U8", "[5]", 0, 5), '}'), "abcd"), Code::kCorrupt,
              "buffer of 4 bytes"));
  CHECK(holds(refusal(cat('{', entry("t", "U8", "[2]", 3, 1), '}'), "abcd"), Code::kCorrupt,
              "in order"));
  CHECK(holds(refusal(cat('{', entry("t", "U8", "[4]", -4, 0), '}'), "abcd"), Code::kCorrupt,
              "from 0 to 2^63"));
  for (const std::string range :
       {"[0]", "[0,4,4]", "[0,18446744073709551615]", "[0,\"4\"]", "4", "[0,4.0]"}) {
    CAPTURE(range);
    CHECK(holds(
        refusal(cat(R"({"t":{"dtype":"U8","shape":[4],"data_offsets":)", range, "}}"), "abcd"),
        Code::kCorrupt, "`t`"));
  }
}

TEST_CASE("tensors that overlap, and bytes that belong to none, are refused with the byte") {
  const std::string overlap =
      cat('{', entry("a", "U8", "[3]", 0, 3), ',', entry("b", "U8", "[2]", 2, 4), '}');
  CHECK(holds(refusal(overlap, "abcd"), Code::kCorrupt,
              cat("at byte ", 8 + overlap.size() + 2, ": tensor `b` overlaps")));
  const std::string same =
      cat('{', entry("a", "U8", "[4]", 0, 4), ',', entry("b", "U8", "[4]", 0, 4), '}');
  CHECK(holds(refusal(same, "abcd"), Code::kCorrupt, "overlaps"));
  const std::string inside =
      cat('{', entry("a", "U8", "[4]", 0, 4), ',', entry("b", "U8", "[0]", 2, 2), '}');
  CHECK(holds(refusal(inside, "abcd"), Code::kCorrupt, "overlaps"));
  const std::string hole =
      cat('{', entry("a", "U8", "[1]", 0, 1), ',', entry("b", "U8", "[1]", 3, 4), '}');
  CHECK(
      holds(refusal(hole, "abcd"), Code::kCorrupt, "got 2 bytes that belong to none, before `b`"));
  const std::string early = cat('{', entry("a", "U8", "[3]", 1, 4), '}');
  CHECK(holds(refusal(early, "abcd"), Code::kCorrupt, "belong to none"));
  const std::string tail = cat('{', entry("a", "U8", "[3]", 0, 3), '}');
  CHECK(holds(refusal(tail, "abcd"), Code::kCorrupt, "got 1 bytes more"));
}

TEST_CASE("a name or key that comes twice is refused, however it is spelled") {
  const std::string twice =
      cat('{', entry("a", "U8", "[2]", 0, 2), ',', entry("a", "U8", "[4]", 0, 4), '}');
  CHECK(holds(refusal(twice, "abcd"), Code::kCorrupt, "got `a` again"));
  const std::string escaped =
      cat('{', entry("a", "U8", "[4]", 0, 4), ',', entry("\\u0061", "U8", "[4]", 0, 4), '}');
  CHECK(holds(refusal(escaped, "abcd"), Code::kCorrupt, "each name once"));
  CHECK(
      holds(refusal(R"({"a":{"dtype":"U8","shape":[2],"shape":[4],"data_offsets":[0,4]}})", "abcd"),
            Code::kCorrupt, "each key once"));
  // Brackets, colons and quotes within a name are no structure.
  const std::string odd = cat('{', entry(R"(a\":[{,)", "U8", "[4]", 0, 4), '}');
  CHECK(read(safetensors(odd, "abcd"))[0].name == "a\":[{,");
}

TEST_CASE("an entry without its keys, or that is no object, is refused by name") {
  CHECK(holds(refusal(R"({"t":{"shape":[4],"data_offsets":[0,4]}})", "abcd"), Code::kCorrupt,
              "dtype"));
  CHECK(holds(refusal(R"({"t":{"dtype":"U8","data_offsets":[0,4]}})", "abcd"), Code::kCorrupt,
              "shape"));
  CHECK(holds(refusal(R"({"t":{"dtype":"U8","shape":[4]}})", "abcd"), Code::kCorrupt,
              "data_offsets"));
  CHECK(holds(refusal(R"({"t":{"dtype":8,"shape":[4],"data_offsets":[0,4]}})", "abcd"),
              Code::kCorrupt, "want string"));
  CHECK(holds(refusal(R"({"t":[1,2,3]})", "abcd"), Code::kCorrupt,
              "at byte 10: `t`: want an object"));
}

TEST_CASE("a file cut anywhere is refused") {
  const std::string file = safetensors(
      cat('{', entry("a", "U8", "[2]", 0, 2), ',', entry("b", "F32", "[1]", 2, 6), '}'), "abcdef");
  REQUIRE(read(file).size() == 2);
  for (size_t size = 0; size < file.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal(file.substr(0, size)).code() == Code::kCorrupt);
  }
}

TEST_CASE("a sharded checkpoint is the tensors that its index names") {
  const TempFolder folder;
  folder.write("model-1.safetensors",
               safetensors(cat('{', entry("b", "U8", "[2]", 0, 2), '}'), "bb"));
  folder.write("model-2.safetensors", safetensors(cat('{', entry("a", "U8", "[1]", 0, 1), ',',
                                                      entry("c", "U8", "[3]", 1, 4), '}'),
                                                  "accc"));
  folder.write(
      "model.safetensors.index.json",
      R"({"metadata":{"total_size":6},"weight_map":{"b":"model-1.safetensors","a":"model-2.safetensors",)"
      R"("c":"model-2.safetensors"}})");
  const auto file = Checkpoint::open_folder(folder.path());
  CHECK(file->path() == folder.path() + "/model.safetensors.index.json");
  REQUIRE(file->tensors().size() == 3);
  CHECK(file->tensors()[0]->name == "a");
  CHECK(elements<char>(file->find("c")->data, 3) == std::vector{'c', 'c', 'c'});
  CHECK(elements<char>(file->find("b")->data, 2) == std::vector{'b', 'b'});
  CHECK(file->implied_config().is_null());
}

TEST_CASE("an index that names a missing shard, tensor or another folder is refused by name") {
  const TempFolder folder;
  folder.write("one.safetensors", safetensors(cat('{', entry("a", "U8", "[1]", 0, 1), '}'), "a"));
  const auto with = [&](std::string_view index) {
    const std::string path = folder.write("model.safetensors.index.json", index);
    return error_of([&] { Checkpoint::open_safetensors(path); });
  };
  CHECK(holds(with(R"({"weight_map":{"a":"two.safetensors"}})"), Code::kNotFound,
              "`two.safetensors` for tensor `a`"));
  CHECK(holds(with(R"({"weight_map":{"b":"one.safetensors"}})"), Code::kCorrupt,
              "`b` in the shard `one.safetensors`"));
  CHECK(holds(with(cat(R"({"weight_map":{"a":")", std::string(5000, 'x'), "\"}}")), Code::kNotFound,
              "xxx..."));
  for (const std::string escape :
       {"../one.safetensors", "/etc/passwd", "..", "", ".", "sub/one.safetensors",
        "..\\\\one.safetensors", "one.safetensors\\u0000"}) {
    CAPTURE(escape);
    CHECK(holds(with(cat(R"({"weight_map":{"a":")", escape, "\"}}")), Code::kCorrupt,
                "in the same folder"));
  }
  CHECK(holds(with(R"({"weight_map":{"a":7}})"), Code::kCorrupt, "got number"));
  CHECK(holds(with(R"({"weight_map":[]})"), Code::kCorrupt, "weight_map"));
  CHECK(holds(with(R"({})"), Code::kCorrupt, "weight_map"));
  CHECK(holds(with(R"([])"), Code::kCorrupt, "want an object"));
  CHECK(holds(with(""), Code::kCorrupt, "not JSON"));
  CHECK(holds(with(R"({"weight_map":{"a":"one.safetensors","a":"one.safetensors"}})"),
              Code::kCorrupt, "twice"));
  CHECK(holds(with(R"({"weight_map":{},"weight_map":{"a":"one.safetensors"}})"), Code::kCorrupt,
              "`weight_map` again"));
}
