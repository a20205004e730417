#include "tasks/token_trie.h"

#include <algorithm>

#include "base/error.h"

namespace winnow {

TokenTrie::TokenTrie(const std::vector<std::string>& token_bytes, std::vector<int32_t> end_tokens)
    : bytes_(token_bytes), end_tokens_(std::move(end_tokens)) {
  for (const int32_t id : end_tokens_) {
    require(id >= 0 && static_cast<size_t>(id) < bytes_.size(), "end tokens: want ids below ",
            bytes_.size(), ", got ", id);
    bytes_[id].clear();  // it ends the text, whatever it is written as
  }
  for (size_t id = 0; id < bytes_.size(); ++id) {
    require(bytes_[id].size() < 65536, "token ", id, ": want fewer than 65536 bytes, got ",
            bytes_[id].size());
    if (!bytes_[id].empty()) sorted_.push_back(static_cast<int32_t>(id));
    const auto opens = [](char c) { return c == '[' || c == '{'; };
    most_brackets_ =
        std::max<int>(most_brackets_, std::count_if(bytes_[id].begin(), bytes_[id].end(), opens));
  }
  std::stable_sort(sorted_.begin(), sorted_.end(),
                   [&](int32_t a, int32_t b) { return bytes_[a] < bytes_[b]; });
  nodes_.push_back({.end = 0, .tokens_end = 0, .depth = 0, .byte = 0});
  std::vector<uint32_t> path = {0};  // the nodes from the root to the last token
  std::string_view last;
  for (uint32_t i = 0; i < sorted_.size(); ++i) {
    const std::string_view bytes = bytes_[sorted_[i]];
    size_t same = 0;
    while (same < last.size() && same < bytes.size() && last[same] == bytes[same]) ++same;
    const auto size = static_cast<uint32_t>(nodes_.size());
    for (; path.size() > same + 1; path.pop_back()) nodes_[path.back()].end = size;
    for (size_t at = same; at < bytes.size(); ++at) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({.end = 0,
                        .tokens_end = i,
                        .depth = static_cast<uint16_t>(at + 1),
                        .byte = static_cast<uint8_t>(bytes[at])});
    }
    nodes_.back().tokens_end = i + 1;
    last = bytes;
  }
  for (const uint32_t node : path) nodes_[node].end = static_cast<uint32_t>(nodes_.size());
}

}  // namespace winnow
