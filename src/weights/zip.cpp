#include "weights/zip.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "weights/blame.h"

namespace winnow {
namespace {

constexpr uint32_t kLocal = 0x04034B50, kCentral = 0x02014B50, kEnd = 0x06054B50,
                   kEnd64 = 0x06064B50, kLocator64 = 0x07064B50;
constexpr int64_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56,
                  kLocatorBytes = 20, kLongestComment = 0xFFFF;

class ZipReader {
 public:
  ZipReader(std::span<const std::byte> bytes, const std::string& path)
      : bytes_(bytes), path_(path), size_(static_cast<int64_t>(bytes.size())) {}

  std::vector<ZipEntry> run() {
    read_end();
    int64_t at = directory_;
    for (uint64_t i = 0; i < count_; ++i) at = read_entry(at);
    check_apart();
    return std::move(entries_);
  }

 private:
  template <typename T>
  T number(int64_t at) const {
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }
  bool is(uint32_t signature, int64_t at, int64_t bytes) const {
    return at >= 0 && bytes <= size_ && at <= size_ - bytes && number<uint32_t>(at) == signature;
  }

  // The end record is the last thing in the file but for its comment.
  int64_t find_end() const {
    const int64_t first = std::max<int64_t>(0, size_ - kEndBytes - kLongestComment);
    for (int64_t at = size_ - kEndBytes; at >= first; --at)
      if (is(kEnd, at, kEndBytes) && at + kEndBytes + number<uint16_t>(at + 20) == size_) return at;
    corrupt(path_, size_, "want the end record of a ZIP archive, got none: the file is cut short");
  }

  void read_end() {
    int64_t at = find_end();
    if (number<uint16_t>(at + 4) != number<uint16_t>(at + 6))
      unsupported(path_, at, "want an archive in one part");
    uint64_t bytes = number<uint32_t>(at + 12), offset = number<uint32_t>(at + 16);
    count_ = number<uint16_t>(at + 10);
    if (const int64_t locator = at - kLocatorBytes; is(kLocator64, locator, kLocatorBytes)) {
      const auto end64 = number<uint64_t>(locator + 8);
      if (end64 > INT64_MAX || !is(kEnd64, static_cast<int64_t>(end64), kEnd64Bytes) ||
          static_cast<int64_t>(end64) > locator - kEnd64Bytes)
        corrupt(path_, locator, "want the ZIP64 end record at byte ", end64, ", got none there");
      at = static_cast<int64_t>(end64);
      count_ = number<uint64_t>(at + 32);
      bytes = number<uint64_t>(at + 40);
      offset = number<uint64_t>(at + 48);
    }
    if (offset > static_cast<uint64_t>(at) || bytes > static_cast<uint64_t>(at) - offset)
      corrupt(path_, at, "want a directory before its end record, got ", bytes, " bytes at ",
              offset);
    if (count_ > bytes / kCentralBytes)
      corrupt(path_, at, "want no more entries than a directory of ", bytes, " bytes holds, got ",
              count_);
    directory_ = static_cast<int64_t>(offset);
    directory_end_ = directory_ + static_cast<int64_t>(bytes);
  }

  // A size or an offset that 32 bits do not hold, from the extra field 1, whose values stand in a
  // fixed order, each only when its place says 2^32 - 1.
  struct Wide {
    uint64_t bytes, stored, local;
  };
  Wide widened(int64_t entry, int64_t extra, int64_t extra_end) const {
    Wide wide{number<uint32_t>(entry + 24), number<uint32_t>(entry + 20),
              number<uint32_t>(entry + 42)};
    int64_t value = extra, value_end = extra;
    for (int64_t at = extra; at + 4 <= extra_end;) {
      const int64_t end = at + 4 + number<uint16_t>(at + 2);
      if (end > extra_end) corrupt(path_, at, "want an extra field within its entry");
      if (number<uint16_t>(at) == 1) value = at + 4, value_end = end;
      at = end;
    }
    for (uint64_t* field : {&wide.bytes, &wide.stored, &wide.local}) {
      if (*field != UINT32_MAX) continue;
      if (value + 8 > value_end) corrupt(path_, entry, "want a ZIP64 size in the extra field");
      *field = number<uint64_t>(value);
      value += 8;
    }
    return wide;
  }

  int64_t read_entry(int64_t at) {
    if (at + kCentralBytes > directory_end_ || number<uint32_t>(at) != kCentral)
      corrupt(path_, at, "want an entry of the directory");
    const int64_t name = at + kCentralBytes, extra = name + number<uint16_t>(at + 28),
                  comment = extra + number<uint16_t>(at + 30),
                  next = comment + number<uint16_t>(at + 32);
    if (next > directory_end_) corrupt(path_, at, "want an entry within the directory");
    ZipEntry entry;
    entry.name = {reinterpret_cast<const char*>(bytes_.data()) + name,
                  static_cast<size_t>(extra - name)};
    if (entry.name.ends_with('/')) return next;
    const auto flags = number<uint16_t>(at + 8), method = number<uint16_t>(at + 10);
    if (flags & 1) unsupported(path_, at, shown_name(entry.name), ": want it not encrypted");
    if (method != 0)
      unsupported(path_, at, shown_name(entry.name),
                  ": want it stored, got it compressed by method ", method);
    const Wide wide = widened(at, extra, comment);
    if (wide.bytes != wide.stored)
      corrupt(path_, at, shown_name(entry.name), ": want one size, got ", wide.stored, " and ",
              wide.bytes);
    place(entry, wide, at);
    entries_.push_back(entry);
    return next;
  }

  void place(ZipEntry& entry, const Wide& wide, int64_t at) const {
    if (wide.local > static_cast<uint64_t>(directory_) ||
        !is(kLocal, static_cast<int64_t>(wide.local), kLocalBytes))
      corrupt(path_, at, shown_name(entry.name), ": want a local header at byte ", wide.local,
              ", got none there");
    const auto local = static_cast<int64_t>(wide.local);
    const int64_t name_bytes = number<uint16_t>(local + 26),
                  start = local + kLocalBytes + name_bytes + number<uint16_t>(local + 28);
    if (start > directory_ || wide.bytes > static_cast<uint64_t>(directory_ - start))
      corrupt(path_, local, shown_name(entry.name), ": want its ", wide.bytes,
              " bytes before the directory at ", directory_);
    const std::string_view name(reinterpret_cast<const char*>(bytes_.data()) + local + kLocalBytes,
                                name_bytes);
    if (name != entry.name)
      corrupt(path_, local, "want the name ", shown_name(entry.name), " here too, got ",
              shown_name(name));
    entry.offset = start;
    entry.bytes = bytes_.subspan(start, wide.bytes);
  }

  void check_apart() const {
    std::vector<const ZipEntry*> order;
    order.reserve(entries_.size());
    for (const ZipEntry& entry : entries_) order.push_back(&entry);
    const auto next_to = [&](auto before, auto clash, const char* what) {
      std::sort(order.begin(), order.end(), before);
      const auto found = std::adjacent_find(order.begin(), order.end(), clash);
      if (found != order.end())
        corrupt(path_, found[1]->offset, "want entries ", what, ", got ",
                shown_name(found[0]->name), " and ", shown_name(found[1]->name));
    };
    next_to([](auto* a, auto* b) { return a->name < b->name; },
            [](auto* a, auto* b) { return a->name == b->name; }, "of different names");
    // Empty entries too: each has a local header of its own before its bytes.
    next_to([](auto* a, auto* b) { return a->offset < b->offset; },
            [](auto* a, auto* b) {
              return a->offset + static_cast<int64_t>(a->bytes.size()) + kLocalBytes > b->offset;
            },
            "apart");
  }

  std::span<const std::byte> bytes_;
  const std::string& path_;
  int64_t size_, directory_ = 0, directory_end_ = 0;
  uint64_t count_ = 0;
  std::vector<ZipEntry> entries_;
};

}  // namespace

bool looks_like_zip(std::span<const std::byte> bytes) {
  return bytes.size() >= 4 && std::memcmp(bytes.data(), "PK\3\4", 4) == 0;
}

std::vector<ZipEntry> read_zip(std::span<const std::byte> bytes, const std::string& path) {
  return ZipReader(bytes, path).run();
}

}  // namespace winnow
