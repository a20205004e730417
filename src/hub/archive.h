// Taking files out of a zip archive (a wheel is one). Wraps libarchive. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace winnow {

// Writes the archive's files `prefix`/`wanted[i]` to `folder`/`wanted[i]`, durably; folder exists
// and is empty. Throws kCorrupt naming the archive and the entry when it is not a zip, a wanted
// file is absent, is there twice or is not a regular file, when any name below the prefix would
// leave the folder ("..", absolute, a backslash), or when the files unpack to more than max_bytes;
// kIo when the disk is full. What was written until then stays, for the caller to remove.
void unpack_zip(const std::string& archive, const std::string& prefix,
                std::span<const std::string> wanted, const std::string& folder, int64_t max_bytes);

}  // namespace winnow
