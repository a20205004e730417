#include "base/wire_reader.h"

#include <bit>

#include "base/error.h"
#include "base/utf8.h"

namespace winnow {
namespace {

template <typename... Parts>
[[noreturn]] void corrupt(const std::string& path, int64_t offset, const Parts&... parts) {
  fail(Code::kCorrupt, path, ": at byte ", offset, ": ", parts...);
}

}  // namespace

uint64_t WireReader::varint() {
  const int64_t start = here();
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (at_ == bytes_.size()) corrupt(*path_, start, "want a varint, got the message's end");
    const auto byte = std::to_integer<uint64_t>(bytes_[at_++]);
    if (shift == 63 && byte > 1) break;
    value |= (byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  corrupt(*path_, start, "want a varint of 64 bits, got more");
}

uint64_t WireReader::fixed(size_t width) {
  if (bytes_.size() - at_ < width)
    corrupt(*path_, here(), "want ", width, " bytes, got ", bytes_.size() - at_,
            " before the message's end");
  uint64_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(bytes_[at_ + i]);
  at_ += width;
  return value;
}

bool WireReader::next(WireField& field) {
  if (at_ == bytes_.size()) return false;
  field = {};
  field.offset = here();
  const uint64_t tag = varint();
  const uint64_t number = tag >> 3;
  if (number == 0 || number >= 1u << 29)
    corrupt(*path_, field.offset, "want a field number from 1 to 2^29, got ", number);
  field.number = static_cast<uint32_t>(number);
  field.wire = static_cast<Wire>(tag & 7);
  switch (field.wire) {
    case Wire::varint:
      field.value = varint();
      return true;
    case Wire::fixed64:
      field.value = fixed(8);
      return true;
    case Wire::fixed32:
      field.value = fixed(4);
      return true;
    case Wire::bytes: {
      const uint64_t length = varint();
      if (length > bytes_.size() - at_)
        corrupt(*path_, field.offset, "want a field that ends in its message, got a length of ",
                length, " where ", bytes_.size() - at_, " bytes are left");
      field.bytes = bytes_.subspan(at_, length);
      field.bytes_offset = here();
      at_ += length;
      return true;
    }
  }
  corrupt(*path_, field.offset, "want wire type 0, 1, 2 or 5, got ", tag & 7);
}

void WireReader::want(const WireField& field, Wire wire) const {
  if (field.wire != wire)
    corrupt(*path_, field.offset, "field ", field.number, ": want wire type ",
            static_cast<int>(wire), ", got ", static_cast<int>(field.wire));
}

int64_t WireReader::integer(const WireField& field) const {
  want(field, Wire::varint);
  return static_cast<int64_t>(field.value);
}

float WireReader::real(const WireField& field) const {
  want(field, Wire::fixed32);
  return std::bit_cast<float>(static_cast<uint32_t>(field.value));
}

std::span<const std::byte> WireReader::bytes(const WireField& field) const {
  want(field, Wire::bytes);
  return field.bytes;
}

std::string_view WireReader::text(const WireField& field) const {
  const std::span<const std::byte> raw = bytes(field);
  const std::string_view text(reinterpret_cast<const char*>(raw.data()), raw.size());
  if (const auto bad = invalid_utf8_at(text))
    corrupt(*path_, field.bytes_offset + static_cast<int64_t>(*bad), "field ", field.number,
            ": want UTF-8");
  return text;
}

WireReader WireReader::message(const WireField& field) const {
  return WireReader(bytes(field), field.bytes_offset, *path_);
}

}  // namespace winnow
