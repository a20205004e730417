// GGUF files: metadata and tensors as they lie, mapped. What a model's tensors are called and what
// its config says stands in gguf_model.h; here other rooms read tokenizers and chat templates out
// of the metadata. Immutable and thread-safe. docs/formats/gguf.md says what is read and what is
// refused. Source: the GGUF specification, github.com/ggml-org/ggml/blob/master/docs/gguf.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace winnow {

enum class GgufType : uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};
std::string_view name_of(GgufType type);  // "u32"

// One entry of the metadata. Views live as long as the file.
struct GgufValue {
  std::string_view key;
  GgufType type = GgufType::u8;
  GgufType element = GgufType::u8;   // of an array; else type
  int64_t count = 1;                 // of an array's elements
  std::span<const std::byte> bytes;  // numbers side by side; a string: u64 length, then its bytes
  int64_t offset = 0;                // of `bytes` in the file
};

// Each getter throws kCorrupt naming the key and its byte when the value is of another type; an
// absent key is empty.
class GgufMetadata {
 public:
  bool has(std::string_view key) const { return find(key) != nullptr; }
  std::optional<std::string_view> string(std::string_view key) const;
  std::optional<int64_t> integer(std::string_view key) const;  // of any integer type
  std::optional<double> number(std::string_view key) const;    // of any numeric type
  std::optional<bool> boolean(std::string_view key) const;

  // Arrays. Strings are views into the file; nothing promises that they are UTF-8.
  std::vector<std::string_view> strings(std::string_view key) const;
  std::vector<int64_t> integers(std::string_view key) const;
  std::vector<float> numbers(std::string_view key) const;

  const std::vector<GgufValue>& values() const { return values_; }  // in the file's order
  const GgufValue* find(std::string_view key) const;                // null when absent
  const std::string& path() const { return path_; }

 private:
  friend class GgufParser;
  const GgufValue* array(std::string_view key) const;
  std::vector<GgufValue> values_;
  std::unordered_map<std::string_view, size_t> by_key_;
  std::string path_;
};

struct GgufTensor {
  std::string_view name;       // as the file has it: "blk.0.attn_q.weight"
  std::string_view type;       // as ggml names it: "Q4_1"
  std::optional<DType> dtype;  // empty: a type that winnow knows only by name and size
  Shape shape;                 // outermost dimension first: [out, in]
  std::span<const std::byte> data;
  int64_t offset = 0;  // of `data` in the file
};

class GgufFile {
 public:
  // Versions 2 and 3, little-endian. Throws kNotFound, kCorrupt with the byte offset, kUnsupported
  // for other versions and types that winnow does not know.
  static std::shared_ptr<const GgufFile> open(const std::string& path);

  // The same of bytes that live as long as `keep`; path is for messages.
  static std::shared_ptr<const GgufFile> read(std::span<const std::byte> bytes, std::string path,
                                              std::shared_ptr<const void> keep);

  const std::string& path() const { return metadata_.path(); }
  uint32_t version() const { return version_; }
  const GgufMetadata& metadata() const { return metadata_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }  // in the file's order

 private:
  friend class GgufParser;
  uint32_t version_ = 0;
  GgufMetadata metadata_;
  std::vector<GgufTensor> tensors_;
  std::shared_ptr<const void> keep_;
};

}  // namespace winnow
