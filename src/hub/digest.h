// Hashes of files. Wraps OpenSSL. Thread-safe.
#pragma once

#include <string>

namespace winnow {

// SHA-256 of the file's bytes, 64 lower-case hex digits. Throws kIo, kNotFound.
std::string sha256_of(const std::string& path);

// Git's name of the file: SHA-1 of "blob <size>\0" and the bytes, 40 lower-case hex digits. Throws
// kIo, kNotFound.
std::string git_blob_sha1_of(const std::string& path);

// True when the text is `digits` lower-case hex digits.
bool is_hex(const std::string& text, size_t digits);

}  // namespace winnow
