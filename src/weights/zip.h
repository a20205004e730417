// ZIP archives whose entries are stored: what lies where. Internal to weights (hub/archive.h
// unpacks; this maps). Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5.3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

struct ZipEntry {
  std::string_view name;
  std::span<const std::byte> bytes;
  int64_t offset = 0;  // of the first of them in the file
};

// Whether they start as an archive's first entry does; no more is looked at.
bool looks_like_zip(std::span<const std::byte> bytes);

// Every entry of the central directory, ZIP64 too, in its order; folders are left out. Throws
// kCorrupt with the byte offset (also for two entries of one name or in one place), kUnsupported
// for compressed or encrypted entries and archives in several parts. Checksums are not computed:
// that would read every page of a file that is only mapped.
std::vector<ZipEntry> read_zip(std::span<const std::byte> bytes, const std::string& path);

}  // namespace winnow
