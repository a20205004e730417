#include "hub/digest.h"

#include <openssl/evp.h>

#include <memory>
#include <string_view>

#include "base/error.h"
#include "base/mapped_file.h"

namespace winnow {
namespace {

std::string digest(const EVP_MD* kind, std::string_view head, std::string_view body) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  unsigned char value[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!context || EVP_DigestInit_ex(context.get(), kind, nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), head.data(), head.size()) != 1 ||
      EVP_DigestUpdate(context.get(), body.data(), body.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), value, &size) != 1)
    fail(Code::kInternal, "digest: OpenSSL has no ", EVP_MD_get0_name(kind));
  std::string hex;
  for (unsigned i = 0; i < size; ++i)
    for (const int nibble : {value[i] >> 4, value[i] & 15}) hex += "0123456789abcdef"[nibble];
  return hex;
}

}  // namespace

std::string sha256_of(const std::string& path) {
  return digest(EVP_sha256(), {}, MappedFile::open(path)->text());
}

std::string git_blob_sha1_of(const std::string& path) {
  const auto file = MappedFile::open(path);
  std::string head = cat("blob ", file->text().size());
  head.push_back('\0');
  return digest(EVP_sha1(), head, file->text());
}

bool is_hex(const std::string& text, size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace winnow
