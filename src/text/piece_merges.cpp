#include "text/piece_merges.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/utf8.h"

namespace winnow {

std::vector<PieceParts> parts_of_pieces(const std::vector<std::string>& pieces,
                                        const std::function<bool(int32_t)>& takes) {
  std::unordered_map<std::string_view, int32_t> ids;
  for (size_t i = 0; i < pieces.size(); ++i)
    if (const auto id = static_cast<int32_t>(i); takes(id)) ids.emplace(pieces[i], id);
  std::vector<PieceParts> out;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const std::string_view piece = pieces[i];
    const auto whole = ids.find(piece);
    if (whole == ids.end() || whole->second != static_cast<int32_t>(i)) continue;
    const auto before = static_cast<std::ptrdiff_t>(out.size());
    for (size_t at = 1; at < piece.size(); ++at) {
      if ((static_cast<unsigned char>(piece[at]) & 0xC0) == 0x80) continue;
      const auto left = ids.find(piece.substr(0, at)), right = ids.find(piece.substr(at));
      if (left == ids.end() || right == ids.end()) continue;
      out.push_back({whole->second, left->second, right->second,
                     static_cast<int64_t>(code_points(piece.substr(0, at))),
                     static_cast<int64_t>(code_points(piece.substr(at)))});
    }
    std::sort(out.begin() + before, out.end(), [](const PieceParts& a, const PieceParts& b) {
      return std::pair(a.left, a.right) < std::pair(b.left, b.right);
    });
  }
  return out;
}

Bpe::Merges merges_of(const std::vector<PieceParts>& parts,
                      const std::vector<std::string>& pieces) {
  Bpe::Merges merges;
  merges.reserve(parts.size());
  for (const PieceParts& p : parts)
    merges.emplace_back(pieces[static_cast<size_t>(p.left)], pieces[static_cast<size_t>(p.right)]);
  return merges;
}

}  // namespace winnow
