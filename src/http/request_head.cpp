#include "http/request_head.h"

#include <charconv>

namespace winnow {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string path_of_target(std::string_view target) {
  target = target.substr(0, target.find_first_of("?#"));
  for (const std::string_view scheme : {"http://", "https://"}) {  // absolute form, for proxies
    if (!target.starts_with(scheme)) continue;
    const size_t slash = target.find('/', scheme.size());
    target = slash == target.npos ? "/" : target.substr(slash);
  }
  std::string path;
  for (size_t i = 0; i < target.size(); ++i) {
    const int high = target[i] == '%' && i + 2 < target.size() ? hex_digit(target[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(target[i + 2]) : -1;
    path += low >= 0 ? static_cast<char>(high << 4 | low) : target[i];
    if (low >= 0) i += 2;
  }
  return path;
}

std::optional<std::chrono::milliseconds> timeout_of_header(std::string_view text) {
  constexpr int64_t kDay = 24 * 60 * 60 * 1000;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > kDay)
    return std::nullopt;
  return std::chrono::milliseconds(value);
}

}  // namespace winnow
