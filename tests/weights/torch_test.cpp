#include "base/mapped_file.h"
#include "weights/files.h"
#include "weights/pickle.h"
#include "weights/to_f32.h"
#include "weights/torch_file.h"

using namespace winnow;
using namespace winnow::test;

namespace {

const std::string kData = std::string(WINNOW_TEST_DATA) + "/weights/";

void check_equal(const Checkpoint& got, const Checkpoint& want) {
  REQUIRE(got.tensors().size() == want.tensors().size());
  for (const StoredTensor* t : want.tensors()) {
    CAPTURE(t->name);
    const StoredTensor* same = got.find(t->name);
    REQUIRE(same != nullptr);
    CHECK(same->name == t->name);
    CHECK(same->dtype == t->dtype);
    CHECK(same->shape == t->shape);
    REQUIRE(same->bytes == t->bytes);
    CHECK((t->bytes == 0 || std::memcmp(same->data, t->data, static_cast<size_t>(t->bytes)) == 0));
  }
}

// The same values, in whatever type the files store them.
void check_equal_values(const Checkpoint& got, const Checkpoint& want) {
  REQUIRE(got.tensors().size() == want.tensors().size());
  for (const StoredTensor* t : want.tensors()) {
    CAPTURE(t->name);
    const StoredTensor* same = got.find(t->name);
    REQUIRE((same && same->name == t->name));
    CHECK(same->shape == t->shape);
    if (t->dtype == DType::i64) {
      CHECK(elements<int64_t>(same->data, same->bytes) == elements<int64_t>(t->data, t->bytes));
    } else {
      CHECK(to_f32(*same) == to_f32(*t));
    }
  }
}

// A pickle's strings and integers.
std::string text(std::string_view t) {
  return cat("X", raw<uint32_t>({static_cast<uint32_t>(t.size())}), t);
}
std::string integer(int32_t i) { return cat("J", raw<int32_t>({i})); }

constexpr std::string_view kVersion2("\x80\x02", 2);
std::string storage(const std::string& key, int32_t elements,
                    const std::string& type = "torch\nFloatStorage\n") {
  return cat("(", text("storage"), "c", type, text(key), text("cpu"), integer(elements), "tQ");
}
// Of a storage, with a size and a stride of these opcodes.
std::string tensor(const std::string& of, int32_t offset, const std::string& size,
                   const std::string& stride) {
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + of + integer(offset) + "(" + size + "t(" +
         stride +
         "t\x89"
         "ccollections\nOrderedDict\n)RtR";
}
// {"w": tensor}
std::string dict(const std::string& value) {
  return std::string(kVersion2) + "}" + text("w") + value + "s.";
}

struct Opened {
  Repacked repacked;
  std::vector<StoredTensor> tensors;
};
Opened open_bytes(const std::string& bytes) {
  Opened out;
  out.tensors = read_torch_file(bytes_of(bytes), "f", out.repacked);
  return out;
}
std::string archive(const std::string& pickle, const std::string& data = std::string(24, '\0')) {
  return zip({{"a/data.pkl", pickle}, {"a/data/0", data}});
}
bool refused(const std::string& file, Code code, const std::string& part) {
  return holds(error_of([&] { open_bytes(file); }), code, part);
}
bool pickle_refused(const std::string& pickle, Code code, const std::string& part) {
  return holds(error_of([&] { Pickle::read(bytes_of(pickle), 1000, "f"); }), code, part);
}

}  // namespace

TEST_CASE("what PyTorch saved has the tensors that it saved as safetensors, whatever their views") {
  const auto want = Checkpoint::open(kData + "torch_mixed.safetensors");
  CHECK(want->tensors().size() == 22);
  check_equal(*Checkpoint::open(kData + "torch_mixed.bin"), *want);
  check_equal(*Checkpoint::open(kData + "torch_protocol4.pt"), *want);
  check_equal(*Checkpoint::open(kData + "torch_sharded.bin.index.json"), *want);
  // A tensor in order is used where it lies, one in common is one.
  const auto file = Checkpoint::open(kData + "torch_mixed.bin");
  CHECK(file->find("embed.weight")->data == file->find("head.weight")->data);
  CHECK(file->find("rows.weight")->data - file->find("plain.weight")->data ==
        file->find("rows.weight")->file_offset - file->find("plain.weight")->file_offset);
}

TEST_CASE("published PyTorch files are their safetensors twins, tensor by tensor") {
  const char* shared = std::getenv("WINNOW_SHARED");
  for (const std::string name : {"rexuninlu-tiny-a", "rexuninlu-tiny-b"}) {
    const std::string folder = std::string(shared ? shared : "../shared") + "/data/models/" + name;
    if (!std::filesystem::exists(folder)) {
      MESSAGE("skipped: no " << folder << "; WINNOW_SHARED says where it is");
      continue;
    }
    check_equal_values(*Checkpoint::open(folder + "/pytorch_model.bin"),
                       *Checkpoint::open(folder + "/model.safetensors"));
  }
}

TEST_CASE("a folder's pytorch_model.bin is opened, also in shards") {
  const TempFolder folder;
  namespace fs = std::filesystem;
  for (const char* part : {"torch_sharded-00001-of-00002.bin", "torch_sharded-00002-of-00002.bin"})
    fs::copy(kData + part, folder.path());
  fs::copy_file(kData + "torch_sharded.bin.index.json",
                folder.path() + "/pytorch_model.bin.index.json");
  CHECK(Checkpoint::open_folder(folder.path())->tensors().size() == 22);
  fs::copy_file(kData + "torch_mixed.bin", folder.path() + "/pytorch_model.bin");
  CHECK(Checkpoint::open_folder(folder.path())->path() == folder.path() + "/pytorch_model.bin");
}

TEST_CASE("a file from before PyTorch 1.6 is read too, and refused where it is cut") {
  check_equal(*Checkpoint::open(kData + "torch_old.bin"),
              *Checkpoint::open(kData + "torch_mixed.safetensors"));
  const auto file = MappedFile::open(kData + "torch_old.bin");
  const std::string whole(file->text());
  for (size_t size = 0; size < whole.size(); size += size < 400 ? 1 : 37)
    CHECK(refused(whole.substr(0, size), Code::kCorrupt, "f: at byte "));
  const size_t endian = whole.find("little_endian");
  std::string bad = whole;
  bad[whole.find('\x88', endian)] = '\x89';
  CHECK(refused(bad, Code::kUnsupported, "want storages in little-endian order"));
  CHECK(refused(std::string(kVersion2) + "N.", Code::kCorrupt, "at byte 0: want PyTorch's magic"));
  CHECK(refused("hello", Code::kCorrupt, "at byte 0: want a PyTorch file"));
}

TEST_CASE("a pickle that names anything but a state dict's parts is refused by that name") {
  for (const std::string name : {"os\nsystem\n", "posix\nsystem\n", "builtins\neval\n",
                                 "torch._utils\n_rebuild_qtensor\n", "numpy\ndtype\n"}) {
    std::string shown = name.substr(0, name.size() - 1);
    shown[shown.find('\n')] = '.';
    CHECK(refused(archive(std::string(kVersion2) + "c" + name + "(" + text("echo") + "tR."),
                  Code::kUnsupported,
                  "at byte 42: want only names that a state dict of tensors "
                  "uses, got `" +
                      shown + "`"));
  }
  // By protocol 4's opcode, and as an object's class.
  CHECK(pickle_refused(
      std::string("\x80\x04\x8c\x02os\x8c\x06system\x93.", 17), Code::kUnsupported,
      "at byte 1014: want only names that a state dict of tensors uses, got `os.system`"));
  for (const char op : {'i', 'o', '\x81', '\x92', 'P', '\x82', 'I', 'S', '2', '\x8f', '\xff'})
    CHECK(pickle_refused(std::string(kVersion2) + "))" + op + std::string(30, '\n') + ".",
                         Code::kUnsupported,
                         "at byte 1004: want an opcode that a state dict uses, got 0x"));
}

TEST_CASE("a pickle that is cut or asks for what is not there is refused with the byte") {
  const std::string whole = dict(tensor(storage("0", 6), 0, integer(6), integer(1)));
  CHECK(open_bytes(archive(whole)).tensors.size() == 1);
  for (size_t size = 0; size < whole.size(); ++size)
    CHECK(pickle_refused(whole.substr(0, size), Code::kCorrupt, "f: at byte 1"));
  const std::string v2(kVersion2);
  for (const auto& [pickle, says] : std::vector<std::pair<std::string, std::string>>{
           {".", "at byte 1002: want one value at the end, got 0"},
           {"NN.", "at byte 1004: want one value at the end, got 2"},
           {"(.", "at byte 1003: want one value at the end"},
           {"t.", "at byte 1002: want a mark on the stack"},
           {"0.", "at byte 1002: want a value on the stack, got none"},
           {"N(0.", "at byte 1004: want a value on the stack, got none"},
           {"N\x86.", "at byte 1003: want 2 values on the stack, got fewer"},
           {"h\x05.", "at byte 1002: want a value remembered as 5, got none"},
           {"q\x05.", "at byte 1002: want a value to remember"},
           {"NNNs.", "at byte 1005: want a dict on the stack, got None"},
           {"](N0u.", "at byte 1006: want a dict on the stack, got a list"},
           {"}(Nu.", "at byte 1005: want keys with values"},
           {"(Nd.", "at byte 1004: want keys with values"},
           {"}Na.", "at byte 1004: want a list on the stack, got a dict"},
           {"NQ.", "at byte 1003: want a tuple on the stack, got None"},
           {")Q.", "at byte 1003: want `storage`, got only 0 arguments"},
           {"N)R.", "at byte 1004: want a global on the stack, got None"},
           {"ctorch\nFloatStorage\n)R.", "want a function that rebuilds something, got a type"},
           {"NNb.", "at byte 1004: want a dict on the stack, got None"},
           {cat("X", raw<uint32_t>({0xFFFFFFFF}), "x."), "want 4294967295 bytes more"},
           {cat("\x8d", raw<uint64_t>({~uint64_t{0}}), "x."), "bytes more of the pickle"}})
    CHECK(pickle_refused(v2 + pickle, Code::kCorrupt, says));
  CHECK(pickle_refused(std::string("\x80\x06.", 3), Code::kUnsupported, "protocol 2 to 5, got 6"));
}

TEST_CASE("a pickle that nests, refers to itself or piles up values costs no more than its size") {
  const std::string v2(kVersion2);
  std::string deep = v2 + std::string(500'000, ']') + std::string(499'999, 'a') + ".";
  CHECK(Pickle::read(bytes_of(deep), 0, "f").root().items.size() == 1);
  CHECK(refused(archive(deep), Code::kUnsupported, "want a dict of tensors"));
  // A dict that is its own state_dict.
  CHECK(refused(archive(v2 + "}q\x01" + text("state_dict") + "h\x01s."), Code::kUnsupported,
                "want a dict of tensors"));
  CHECK(pickle_refused(v2 + std::string((1 << 20) + 1, 'N') + ".", Code::kUnsupported,
                       "at most 1048576 values"));
  CHECK(pickle_refused(v2 + std::string(size_t{64} << 20, '(') + ".", Code::kUnsupported,
                       "want a pickle of at most 67108864 bytes"));
  CHECK(Pickle::read(bytes_of(v2 + "Nr\xff\xff\xff\xff"
                                   "0Nq\x01."),
                     0, "f")
            .root()
            .kind == PickleKind::kNone);
}

TEST_CASE("a tensor must lie within its storage, and its storage be what the archive has") {
  const auto with = [](const std::string& value, size_t bytes = 24) {
    return archive(dict(value), std::string(bytes, '\1'));
  };
  const std::string six = storage("0", 6), two = integer(2), three = integer(3), one = integer(1);
  CHECK(open_bytes(with(tensor(six, 0, two + three, one + two))).repacked.size() == 1);
  CHECK(refused(with(tensor(six, 1, two + three, three + one)), Code::kCorrupt,
                "tensor `w`: want it within its storage of 6 elements, got offset 1 and 5 more"));
  CHECK(refused(with(tensor(six, -1, two, one)), Code::kCorrupt, "want an offset from 0"));
  CHECK(refused(with(tensor(six, 7, one, one)), Code::kCorrupt, "want it within its storage"));
  CHECK(refused(with(tensor(six, 0, two + three, one)), Code::kCorrupt, "as many strides"));
  CHECK(refused(with(tensor(six, 0, integer(-2), one)), Code::kCorrupt, "integers from 0, got -2"));
  CHECK(refused(with(tensor(six, 0, two, integer(-1))), Code::kCorrupt, "integers from 0, got -1"));
  std::string big;
  for (int i = 0; i < 3; ++i) big += integer(0x7FFFFFFF);
  CHECK(refused(with(tensor(six, 0, big, integer(0) + integer(0) + integer(0))), Code::kCorrupt,
                "fewer than 2^63 bytes"));
  CHECK(refused(with(tensor(six, 0, integer(1 << 30), integer(0))), Code::kUnsupported,
                "got views that repeat them"));
  CHECK(refused(with(tensor(six, 0, one + one + one + one + one, one + one + one + one + one)),
                Code::kUnsupported, "at most 4 dimensions"));
  std::string many;
  for (int i = 0; i < 17; ++i) many += one;
  CHECK(refused(with(tensor(six, 0, many, many)), Code::kCorrupt, "at most 16 dimensions, got 17"));
  CHECK(refused(with(tensor(six, 0, two, one), 20), Code::kCorrupt,
                "want a storage of 6 elements, got 20 bytes"));
  CHECK(refused(with(tensor(storage("1", 6), 0, two, one)), Code::kCorrupt, "want a storage `1`"));
  CHECK(refused(with(tensor(storage("0", 6, "torch\nUntypedStorage\n"), 0, two, one)),
                Code::kCorrupt, "a storage with a type"));
  CHECK(refused(with(tensor(storage("0", 6, "torch\nfloat32\n"), 0, two, one)), Code::kCorrupt,
                "want a storage's class"));
  CHECK(refused(with("N"), Code::kUnsupported, "want a dict of tensors"));
}

TEST_CASE("an archive is read by its directory, and one that lies about it is refused") {
  const std::string pickle = dict(tensor(storage("0", 6), 0, integer(6), integer(1)));
  const std::string good = archive(pickle);
  for (size_t size = 4; size < good.size(); ++size)
    CHECK(refused(good.substr(0, size), Code::kCorrupt, "f: at byte "));
  CHECK(refused(zip({{"a/data.pkl", pickle, 8}}), Code::kUnsupported,
                "want it stored, got it compressed by method 8"));
  CHECK(refused(zip({{"a/data.pkl", pickle, 0, 1}}), Code::kUnsupported, "not encrypted"));
  CHECK(refused(zip({{"a/data.pkl", pickle}, {"a/data.pkl", pickle}}), Code::kCorrupt,
                "of different names"));
  CHECK(refused(zip({{"a/data.pkl", pickle}, {"b/data.pkl", pickle}}), Code::kCorrupt,
                "want one data.pkl"));
  CHECK(refused(zip({{"a/b/data.pkl", pickle}}), Code::kCorrupt,
                "want an entry */data.pkl, got none"));
  CHECK(refused(
      zip({{"a/data.pkl", pickle}, {"a/data/0", std::string(24, 'x')}, {"a/byteorder", "big"}}),
      Code::kUnsupported, "little-endian order, got `big`"));
  CHECK(open_bytes(zip({{"a/", ""},
                        {"a/data.pkl", pickle},
                        {"a/data/0", std::string(24, 'x')},
                        {"a/byteorder", "little"}}))
            .tensors.size() == 1);
  // Each byte of the directory and the end record, changed: an error or the same tensors.
  for (size_t at = good.rfind("PK\1\2") - 60; at < good.size(); ++at)
    for (const char change : {'\x01', '\x80', '\xff'}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ change);
      try {
        if (open_bytes(bad).tensors.size() != 1) FAIL("want one tensor");
      } catch (const Error& error) {
        CHECK(std::string_view(error.what()).starts_with("f: at byte "));
      }
    }
}
