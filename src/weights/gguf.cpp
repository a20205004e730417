#include "weights/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/mapped_file.h"
#include "weights/blame.h"

namespace winnow {
namespace {

constexpr uint32_t kTypes = 13;
constexpr std::array<std::string_view, kTypes> kTypeNames{
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};
// Bytes of a value; for a string the least that it takes: its length.
constexpr std::array<int64_t, kTypes> kTypeBytes{1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
constexpr int kDeepestArray = 4;  // nothing published nests them at all

// ggml's element types: numbers of ggml.h, sizes as its type table has them.
struct TensorType {
  uint32_t number;
  std::string_view name;
  int64_t block_elements, block_bytes;
  std::optional<DType> dtype = std::nullopt;
};
constexpr std::array<TensorType, 32> kTensorTypes{{
    {0, "F32", 1, 4, DType::f32},
    {1, "F16", 1, 2, DType::f16},
    {2, "Q4_0", 32, 18, DType::q4_0},
    {3, "Q4_1", 32, 20, DType::q4_1},
    {6, "Q5_0", 32, 22, DType::q5_0},
    {7, "Q5_1", 32, 24, DType::q5_1},
    {8, "Q8_0", 32, 34, DType::q8_0},
    {10, "Q2_K", 256, 84},
    {11, "Q3_K", 256, 110},
    {12, "Q4_K", 256, 144, DType::q4_k},
    {13, "Q5_K", 256, 176, DType::q5_k},
    {14, "Q6_K", 256, 210, DType::q6_k},
    {16, "IQ2_XXS", 256, 66},
    {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98},
    {19, "IQ1_S", 256, 50},
    {20, "IQ4_NL", 32, 18},
    {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},
    {23, "IQ4_XS", 256, 136},
    {24, "I8", 1, 1, DType::i8},
    {25, "I16", 1, 2, DType::i16},
    {26, "I32", 1, 4, DType::i32},
    {27, "I64", 1, 8, DType::i64},
    {28, "F64", 1, 8, DType::f64},
    {29, "IQ1_M", 256, 56},
    {30, "BF16", 1, 2, DType::bf16},
    {34, "TQ1_0", 256, 54},
    {35, "TQ2_0", 256, 66},
    {39, "MXFP4", 32, 17},
    {40, "NVFP4", 64, 36},
    {41, "Q1_0", 128, 18},
}};

template <typename T>
T little_endian(const std::byte* data) {
  T value;
  std::memcpy(&value, data, sizeof value);
  return value;
}

bool is_integer(GgufType type) {
  return type != GgufType::f32 && type != GgufType::f64 && type != GgufType::string &&
         type != GgufType::array && type != GgufType::boolean;
}
bool is_number(GgufType type) {
  return is_integer(type) || type == GgufType::f32 || type == GgufType::f64;
}

// An integer type's value; one above 2^63 comes back negative, and its reader refuses it.
int64_t integer_at(GgufType type, const std::byte* data) {
  switch (type) {
    case GgufType::u8:
      return little_endian<uint8_t>(data);
    case GgufType::i8:
      return little_endian<int8_t>(data);
    case GgufType::u16:
      return little_endian<uint16_t>(data);
    case GgufType::i16:
      return little_endian<int16_t>(data);
    case GgufType::u32:
      return little_endian<uint32_t>(data);
    case GgufType::i32:
      return little_endian<int32_t>(data);
    default:
      return little_endian<int64_t>(data);
  }
}

double number_at(GgufType type, const std::byte* data) {
  if (type == GgufType::f32) return static_cast<double>(little_endian<float>(data));
  if (type == GgufType::f64) return little_endian<double>(data);
  if (type == GgufType::u64) return static_cast<double>(little_endian<uint64_t>(data));
  return static_cast<double>(integer_at(type, data));
}

std::string shown_type(const GgufValue& value) {
  return value.type == GgufType::array ? cat("an array of ", name_of(value.element))
                                       : std::string(name_of(value.type));
}

[[noreturn]] void wrong_type(const std::string& path, const GgufValue& value,
                             std::string_view want) {
  corrupt(path, value.offset, "key ", shown_name(value.key), ": want ", want, ", got ",
          shown_type(value));
}

int64_t checked_integer(const std::string& path, const GgufValue& value, int64_t at) {
  const auto* data = value.bytes.data() + at * kTypeBytes[static_cast<size_t>(value.element)];
  const int64_t integer = integer_at(value.element, data);
  if (value.element == GgufType::u64 && integer < 0)
    corrupt(path, value.offset, "key ", shown_name(value.key), ": want an integer below 2^63, got ",
            static_cast<uint64_t>(integer));
  return integer;
}

}  // namespace

std::string_view name_of(GgufType type) { return kTypeNames[static_cast<size_t>(type)]; }

// Reads a file front to back; every length is held against what is left before it is believed.
class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, std::string path, GgufFile& file)
      : bytes_(bytes), file_(file), path_(file.metadata_.path_) {
    file.metadata_.path_ = std::move(path);
  }

  void run() {
    read_header();
    for (uint64_t i = 0; i < entries_; ++i) read_entry();
    read_alignment();
    for (uint64_t i = 0; i < tensors_; ++i) read_tensor();
    place_tensors();
  }

 private:
  int64_t left() const { return static_cast<int64_t>(bytes_.size()) - at_; }

  const std::byte* take(int64_t count, std::string_view what) {
    if (count > left())
      corrupt(path_, at_, "want ", count, " bytes of ", what, ", got the end of the file after ",
              left());
    at_ += count;
    return bytes_.data() + at_ - count;
  }
  template <typename T>
  T number(std::string_view what) {
    return little_endian<T>(take(sizeof(T), what));
  }

  // So many things of at least `least` bytes each.
  uint64_t number_of(std::string_view what, int64_t least) {
    const int64_t at = at_;
    const auto count = number<uint64_t>(what);
    if (count > static_cast<uint64_t>(left() / least))
      corrupt(path_, at, "want no more ", what, " than fit into the ", left(),
              " bytes that are left, got ", count);
    return count;
  }

  std::string_view string(std::string_view what) {
    const auto length = static_cast<int64_t>(number_of(what, 1));
    return {reinterpret_cast<const char*>(take(length, what)), static_cast<size_t>(length)};
  }
  std::string_view name(std::string_view what) {
    const int64_t at = at_;
    const std::string_view text = string(what);
    if (text.empty() || invalid_utf8_at(text))
      corrupt(path_, at, "want ", what, " in UTF-8, got ", shown_name(text));
    return text;
  }

  void read_header() {
    if (left() < 4 || std::memcmp(bytes_.data(), "GGUF", 4) != 0)
      corrupt(path_, 0, "want a file that starts with `GGUF`");
    at_ = 4;
    file_.version_ = number<uint32_t>("a version");
    if (file_.version_ != 2 && file_.version_ != 3)
      unsupported(path_, 4, "want GGUF of version 2 or 3, got ",
                  file_.version_ == 0x03000000 || file_.version_ == 0x02000000
                      ? "a big-endian file"
                      : cat("version ", file_.version_));
    tensors_ = number_of("tensors", 24);
    entries_ = number_of("metadata entries", 13);
  }

  void read_entry() {
    GgufValue value;
    const int64_t at = at_;
    value.key = name("a key");
    value.type = value.element = read_type();
    if (value.type == GgufType::array) {
      value.element = read_type();
      value.count = static_cast<int64_t>(number_of("elements", least(value.element)));
    }
    value.offset = at_;
    skip(value.element, value.count, 1);
    value.bytes = bytes_.subspan(value.offset, at_ - value.offset);
    GgufMetadata& metadata = file_.metadata_;
    if (!metadata.by_key_.emplace(value.key, metadata.values_.size()).second)
      corrupt(path_, at, "want each key once, got ", shown_name(value.key), " again");
    metadata.values_.push_back(value);
  }

  GgufType read_type() {
    const int64_t at = at_;
    const auto type = number<uint32_t>("a type");
    if (type >= kTypes) corrupt(path_, at, "want a type from 0 to ", kTypes - 1, ", got ", type);
    return static_cast<GgufType>(type);
  }
  static int64_t least(GgufType type) { return kTypeBytes[static_cast<size_t>(type)]; }

  // Past `count` values, which are known to take at least least(type) bytes each.
  void skip(GgufType type, int64_t count, int depth) {
    if (type == GgufType::string) {
      for (int64_t i = 0; i < count; ++i) string("a string");
    } else if (type == GgufType::array) {
      if (depth >= kDeepestArray)
        unsupported(path_, at_, "want at most ", kDeepestArray, " arrays within each other");
      for (int64_t i = 0; i < count; ++i) {
        const GgufType element = read_type();
        skip(element, static_cast<int64_t>(number_of("elements", least(element))), depth + 1);
      }
    } else {
      const int64_t at = at_;
      const std::byte* data = take(count * least(type), "a value");
      if (type != GgufType::boolean) return;
      for (int64_t i = 0; i < count; ++i)
        if (std::to_integer<int>(data[i]) > 1)
          corrupt(path_, at + i, "want a bool of 0 or 1, got ", std::to_integer<int>(data[i]));
    }
  }

  void read_alignment() {
    const int64_t wish = file_.metadata_.integer("general.alignment").value_or(32);
    if (wish < 1 || wish > 1 << 20 || !std::has_single_bit(static_cast<uint64_t>(wish)))
      corrupt(path_, file_.metadata_.find("general.alignment")->offset,
              "general.alignment: want a power of two up to 2^20, got ", wish);
    alignment_ = wish;
  }

  void read_tensor() {
    GgufTensor tensor;
    const int64_t at = at_;
    tensor.name = name("a tensor's name");
    const auto rank = number<uint32_t>("a number of dimensions");
    if (rank > Shape::kMaxRank)
      corrupt(path_, at, "tensor ", shown_name(tensor.name), ": want at most ", Shape::kMaxRank,
              " dimensions, got ", rank);
    std::array<int64_t, Shape::kMaxRank> dims{};
    for (uint32_t i = 0; i < rank; ++i) {
      const auto dim = number<uint64_t>("a dimension");
      if (dim > INT64_MAX)
        corrupt(path_, at, "tensor ", shown_name(tensor.name), ": want dimensions below 2^63, got ",
                dim);
      dims[rank - 1 - i] = static_cast<int64_t>(dim);  // the file has the innermost first
    }
    const int64_t type_at = at_;
    const auto number_of_type = number<uint32_t>("an element type");
    const auto type = std::find_if(kTensorTypes.begin(), kTensorTypes.end(),
                                   [&](const auto& t) { return t.number == number_of_type; });
    if (type == kTensorTypes.end())
      unsupported(path_, type_at, "tensor ", shown_name(tensor.name),
                  ": want an element type of ggml, got ", number_of_type);
    tensor.type = type->name;
    tensor.dtype = type->dtype;
    const int64_t bytes = bytes_of(tensor, std::span(dims).first(rank), *type, at);
    tensor.shape = Shape(std::span<const int64_t>(dims).first(rank));
    const int64_t offset_at = at_;
    const auto offset = number<uint64_t>("a tensor's offset");
    if (offset > INT64_MAX || offset % static_cast<uint64_t>(alignment_) != 0)
      corrupt(path_, offset_at, "tensor ", shown_name(tensor.name),
              ": want an offset that is a multiple of ", alignment_, ", got ", offset);
    tensor.offset = static_cast<int64_t>(offset);  // from the start of the data, until placed
    places_.push_back({bytes, offset_at});
    file_.tensors_.push_back(tensor);
  }

  int64_t bytes_of(const GgufTensor& tensor, std::span<const int64_t> dims, const TensorType& type,
                   int64_t at) const {
    const int64_t row = dims.empty() ? 1 : dims.back();
    if (row % type.block_elements != 0)
      corrupt(path_, at, "tensor ", shown_name(tensor.name), ": want rows in whole blocks of ",
              type.block_elements, " for ", type.name, ", got ", row);
    int64_t elements = 1, bytes = 0;
    bool fits = true;
    for (const int64_t dim : dims)  // [2^62, 2^62, 0] has no elements, but no honest file says so
      fits = fits && !__builtin_mul_overflow(elements, std::max<int64_t>(dim, 1), &elements);
    fits =
        fits && !__builtin_mul_overflow(elements / type.block_elements, type.block_bytes, &bytes);
    if (!fits)
      corrupt(path_, at, "tensor ", shown_name(tensor.name), ": want fewer than 2^63 bytes");
    return std::find(dims.begin(), dims.end(), 0) == dims.end() ? bytes : 0;
  }

  // Offsets count from the first aligned byte behind the last tensor's description.
  void place_tensors() {
    if (file_.tensors_.empty()) return;
    const int64_t start = (at_ + alignment_ - 1) / alignment_ * alignment_;
    const int64_t room = static_cast<int64_t>(bytes_.size()) - start;
    std::vector<size_t> order;
    for (size_t i = 0; i < file_.tensors_.size(); ++i) {
      GgufTensor& tensor = file_.tensors_[i];
      const auto [bytes, offset_at] = places_[i];
      if (room < 0 || bytes > room || tensor.offset > room - bytes)
        corrupt(path_, offset_at, "tensor ", shown_name(tensor.name), ": want its ", bytes,
                " bytes within the ", std::max<int64_t>(room, 0), " of data, got offset ",
                tensor.offset);
      tensor.offset += start;
      tensor.data = bytes_.subspan(tensor.offset, bytes);
      if (bytes > 0) order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return file_.tensors_[a].offset < file_.tensors_[b].offset;
    });
    for (size_t i = 1; i < order.size(); ++i) {
      const GgufTensor &before = file_.tensors_[order[i - 1]], &tensor = file_.tensors_[order[i]];
      if (tensor.offset < before.offset + static_cast<int64_t>(before.data.size()))
        corrupt(path_, tensor.offset, "tensor ", shown_name(tensor.name), " overlaps ",
                shown_name(before.name));
    }
  }

  struct Place {
    int64_t bytes, offset_at;
  };
  std::span<const std::byte> bytes_;
  GgufFile& file_;
  const std::string& path_;
  int64_t at_ = 0, alignment_ = 32;
  uint64_t tensors_ = 0, entries_ = 0;
  std::vector<Place> places_;
};

const GgufValue* GgufMetadata::find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : &values_[found->second];
}

std::optional<std::string_view> GgufMetadata::string(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return std::nullopt;
  if (value->type != GgufType::string) wrong_type(path_, *value, "a string");
  return std::string_view(reinterpret_cast<const char*>(value->bytes.data()) + 8,
                          value->bytes.size() - 8);
}

std::optional<int64_t> GgufMetadata::integer(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return std::nullopt;
  if (!is_integer(value->type)) wrong_type(path_, *value, "an integer");
  return checked_integer(path_, *value, 0);
}

std::optional<double> GgufMetadata::number(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return std::nullopt;
  if (!is_number(value->type)) wrong_type(path_, *value, "a number");
  return number_at(value->type, value->bytes.data());
}

std::optional<bool> GgufMetadata::boolean(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return std::nullopt;
  if (value->type != GgufType::boolean) wrong_type(path_, *value, "a bool");
  return value->bytes[0] != std::byte{0};
}

const GgufValue* GgufMetadata::array(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value && value->type != GgufType::array) wrong_type(path_, *value, "an array");
  return value;
}

std::vector<std::string_view> GgufMetadata::strings(std::string_view key) const {
  const GgufValue* value = array(key);
  if (!value || value->count == 0) return {};
  if (value->element != GgufType::string) wrong_type(path_, *value, "an array of strings");
  std::vector<std::string_view> out;
  out.reserve(value->count);
  const std::byte* at = value->bytes.data();
  for (int64_t i = 0; i < value->count; ++i) {
    const auto length = little_endian<uint64_t>(at);
    out.emplace_back(reinterpret_cast<const char*>(at) + 8, length);
    at += 8 + length;
  }
  return out;
}

std::vector<int64_t> GgufMetadata::integers(std::string_view key) const {
  const GgufValue* value = array(key);
  if (!value) return {};
  if (!is_integer(value->element)) wrong_type(path_, *value, "an array of integers");
  std::vector<int64_t> out(value->count);
  for (int64_t i = 0; i < value->count; ++i) out[i] = checked_integer(path_, *value, i);
  return out;
}

std::vector<float> GgufMetadata::numbers(std::string_view key) const {
  const GgufValue* value = array(key);
  if (!value) return {};
  if (!is_number(value->element)) wrong_type(path_, *value, "an array of numbers");
  std::vector<float> out(value->count);
  const int64_t width = kTypeBytes[static_cast<size_t>(value->element)];
  for (int64_t i = 0; i < value->count; ++i)
    out[i] = static_cast<float>(number_at(value->element, value->bytes.data() + i * width));
  return out;
}

std::shared_ptr<const GgufFile> GgufFile::open(const std::string& path) {
  const auto file = MappedFile::open(path);
  return read(file->bytes(), path, file);
}

std::shared_ptr<const GgufFile> GgufFile::read(std::span<const std::byte> bytes, std::string path,
                                               std::shared_ptr<const void> keep) {
  auto file = std::make_shared<GgufFile>();
  file->keep_ = std::move(keep);
  GgufParser(bytes, std::move(path), *file).run();
  return file;
}

}  // namespace winnow
