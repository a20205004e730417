#include "tasks/windows.h"

#include <algorithm>

namespace winnow {

void keep(TokenSpan& tokens, int most, TruncationSide side) {
  const auto size = static_cast<int>(tokens.ids.size());
  if (most <= 0 || most >= size) return;
  tokens =
      slice(tokens, side == TruncationSide::kRight ? Window{0, most} : Window{size - most, size});
}

std::vector<Window> windows(int length, int room, const LongDocuments& how, TruncationSide side) {
  if (length <= room) return {{0, length}};
  const int chunks = std::max(how.max_chunks, 1);
  const int step = room - std::clamp(how.overlap, 0, room / 2);
  // What so many windows reach; in 64 bits, as both may be as large as a caller likes.
  const int64_t reach = room + int64_t{chunks - 1} * step;
  const int kept = static_cast<int>(std::min<int64_t>(length, reach));
  const int first = side == TruncationSide::kRight ? 0 : length - kept;
  std::vector<Window> out;
  for (int begin = 0;; begin += step) {
    const int last = kept - room;
    out.push_back({first + std::min(begin, last), first + std::min(begin, last) + room});
    if (begin >= last) return out;
  }
}

TokenSpan slice(const TokenSpan& tokens, Window window) {
  TokenSpan out{{tokens.ids.begin() + window.begin, tokens.ids.begin() + window.end}, {}};
  if (!tokens.offsets.empty())
    out.offsets.assign(tokens.offsets.begin() + window.begin, tokens.offsets.begin() + window.end);
  return out;
}

}  // namespace winnow
