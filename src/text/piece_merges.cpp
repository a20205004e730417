#include "text/piece_merges.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "text/trie.h"

namespace winnow {

std::vector<PieceParts> parts_of_pieces(const std::vector<std::string>& pieces,
                                        const std::function<bool(int32_t)>& takes) {
  std::vector<std::pair<std::string_view, int32_t>> entries;
  for (size_t i = 0; i < pieces.size(); ++i)
    if (const auto id = static_cast<int32_t>(i); !pieces[i].empty() && takes(id))
      entries.emplace_back(pieces[i], id);
  const Trie trie(entries);
  std::vector<PieceParts> out;
  for (const auto& [piece, whole] : entries) {
    if (trie.find(piece) != whole) continue;
    const auto before = static_cast<std::ptrdiff_t>(out.size());
    int32_t node = Trie::kRoot;
    for (size_t at = 1; at < piece.size(); ++at) {
      node = trie.step(node, static_cast<unsigned char>(piece[at - 1]));
      const int32_t left = trie.value(node);
      if (left < 0 || (static_cast<unsigned char>(piece[at]) & 0xC0) == 0x80) continue;
      if (const int32_t right = trie.find(piece.substr(at)); right >= 0)
        out.push_back({whole, left, right, static_cast<int64_t>(code_points(piece.substr(0, at))),
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
