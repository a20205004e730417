// How the readers of this room blame a file: its path and the byte. Internal to weights.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/utf8.h"

namespace winnow {

// Throws kCorrupt: "<path>: at byte <offset>: <parts>".
template <typename... Parts>
[[noreturn]] void corrupt(const std::string& path, int64_t offset, const Parts&... parts) {
  fail(Code::kCorrupt, path, ": at byte ", offset, ": ", parts...);
}

// Throws kUnsupported in the same form.
template <typename... Parts>
[[noreturn]] void unsupported(const std::string& path, int64_t offset, const Parts&... parts) {
  fail(Code::kUnsupported, path, ": at byte ", offset, ": ", parts...);
}

// A name out of a file, as a message shows it: in back quotes, well-formed, of one readable length
// whatever it was.
inline std::string shown_name(std::string_view name) {
  constexpr size_t kShown = 120;
  std::string text = repair_utf8(name.substr(0, kShown));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return cat('`', text, name.size() > kShown ? "..." : "", '`');
}

}  // namespace winnow
