#include "text/trie.h"

#include <algorithm>
#include <limits>

namespace winnow {
namespace {

constexpr size_t kBlock = 256;  // children of a node share a block, for base ^ byte stays within it
constexpr int kTries =
    32;  // free places a node is tried at before a new block: bounds the time to build
constexpr int32_t kTaken =
    std::numeric_limits<int32_t>::max();  // parent of the root: no node has this number

using Entry = std::pair<std::string_view, int32_t>;

}  // namespace

Trie::Trie(std::vector<Entry> entries) : units_(kBlock) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.first < b.first; });
  units_[kRoot].parent = kTaken;

  struct Todo {
    size_t begin, end, depth;  // entries that share `depth` bytes
    int32_t node;
  };
  std::vector<Todo> todo;
  if (!entries.empty()) todo.push_back({0, entries.size(), 0, kRoot});
  std::vector<unsigned char> bytes;  // the children of a node, and the first entry of each
  std::vector<size_t> starts;
  while (!todo.empty()) {
    const Todo t = todo.back();
    todo.pop_back();
    size_t at = t.begin;
    Unit& unit = units_[static_cast<size_t>(t.node)];
    if (entries[at].first.size() == t.depth) unit.value = entries[at].second;
    while (at < t.end && entries[at].first.size() == t.depth) ++at;
    bytes.clear();
    starts.clear();
    for (; at < t.end; ++at) {
      const auto byte = static_cast<unsigned char>(entries[at].first[t.depth]);
      if (!bytes.empty() && bytes.back() == byte) continue;
      bytes.push_back(byte);
      starts.push_back(at);
    }
    if (bytes.empty()) continue;
    const size_t base = place(bytes);
    units_[static_cast<size_t>(t.node)].base = static_cast<int32_t>(base);
    for (size_t i = 0; i < bytes.size(); ++i) {
      const auto child = static_cast<int32_t>(base ^ bytes[i]);
      units_[static_cast<size_t>(child)].parent = t.node;
      const size_t end = i + 1 < bytes.size() ? starts[i + 1] : t.end;
      todo.push_back({starts[i], end, t.depth + 1, child});
    }
  }
}

size_t Trie::place(const std::vector<unsigned char>& bytes) {
  const auto taken = [&](size_t unit) { return units_[unit].parent >= 0; };
  while (first_free_ < units_.size() && taken(first_free_)) ++first_free_;
  int tries = 0;
  for (size_t at = first_free_; at < units_.size() && tries < kTries; ++at) {
    if (taken(at)) continue;
    ++tries;
    const size_t base = at ^ bytes[0];
    if (std::none_of(bytes.begin(), bytes.end(), [&](unsigned char c) { return taken(base ^ c); }))
      return base;
  }
  const size_t block = units_.size();
  units_.resize(block + kBlock);
  return block;
}

int32_t Trie::walk(int32_t node, std::string_view bytes) const {
  for (size_t i = 0; i < bytes.size() && node >= 0; ++i)
    node = step(node, static_cast<unsigned char>(bytes[i]));
  return node;
}

int32_t Trie::find(std::string_view key) const {
  const int32_t node = walk(kRoot, key);
  return node < 0 ? -1 : value(node);
}

}  // namespace winnow
