// The protobuf wire format: fields out of bytes, every length checked before it is believed.
// Source: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

enum class Wire : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  Wire wire = Wire::varint;
  int64_t offset = 0;                // of its tag, in the file
  uint64_t value = 0;                // varint, fixed32, fixed64
  std::span<const std::byte> bytes;  // Wire::bytes
  int64_t bytes_offset = 0;          // of the first of them, in the file
};

// Reads one message's fields in order; holds views only, and a reader of a message within is a
// reader over fewer bytes, so nothing recurses unless its caller does. All throw kCorrupt with the
// file's byte offset.
class WireReader {
 public:
  // bytes: the message, which lies at `offset` of the file. path: for messages, alive as long as
  // the reader.
  WireReader(std::span<const std::byte> bytes, int64_t offset, const std::string& path)
      : bytes_(bytes), offset_(offset), path_(&path) {}

  bool next(WireField& field);  // false at the end

  // A field's value in the type that it must have.
  int64_t integer(const WireField& field) const;
  float real(const WireField& field) const;
  std::string_view text(const WireField& field) const;  // well-formed UTF-8
  std::span<const std::byte> bytes(const WireField& field) const;
  WireReader message(const WireField& field) const;

  // Calls take(value) for each integer of one occurrence of a repeated field, packed or not.
  template <typename Take>
  void integers(const WireField& field, Take take) const {
    if (field.wire == Wire::varint) return take(static_cast<int64_t>(field.value));
    WireReader packed(bytes(field), field.bytes_offset, *path_);
    while (packed.at_ < packed.bytes_.size()) take(static_cast<int64_t>(packed.varint()));
  }

  int64_t offset() const { return offset_; }  // of the message
  const std::string& path() const { return *path_; }

 private:
  uint64_t varint();
  uint64_t fixed(size_t width);
  int64_t here() const { return offset_ + static_cast<int64_t>(at_); }
  void want(const WireField& field, Wire wire) const;

  std::span<const std::byte> bytes_;
  int64_t offset_;
  const std::string* path_;
  size_t at_ = 0;
};

}  // namespace winnow
