// A byte trie in a double array: from keys to numbers, a step is one load. Immutable and
// thread-safe. Source: Aoe 1989; the XOR addressing is that of Darts-clone.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace winnow {

class Trie {
 public:
  static constexpr int32_t kRoot = 0;

  // Values are at least 0; a key that comes twice keeps its first value. Keys may hold any bytes,
  // and may be empty.
  explicit Trie(std::vector<std::pair<std::string_view, int32_t>> entries);

  // The node one byte further, or -1.
  int32_t step(int32_t node, unsigned char byte) const {
    const int32_t next = units_[static_cast<size_t>(node)].base ^ byte;
    return units_[static_cast<size_t>(next)].parent == node ? next : -1;
  }

  // The value of the key that ends here, or -1.
  int32_t value(int32_t node) const { return units_[static_cast<size_t>(node)].value; }

  // For who lays out nodes anew: numbers are below size(), and the child of `node` at a byte is at
  // base(node) ^ byte if its parent is `node`; that of a number which is no node is -1.
  int32_t size() const { return static_cast<int32_t>(units_.size()); }
  int32_t base(int32_t node) const { return units_[static_cast<size_t>(node)].base; }
  int32_t parent(int32_t node) const { return units_[static_cast<size_t>(node)].parent; }

  // Where these bytes lead from a node, or -1.
  int32_t walk(int32_t node, std::string_view bytes) const;

  // The value of a whole key, or -1.
  int32_t find(std::string_view key) const;

 private:
  struct Unit {
    int32_t base = 0, parent = -1, value = -1;
  };
  // A base whose places for all these children are free.
  size_t place(const std::vector<unsigned char>& bytes);

  std::vector<Unit> units_;
  size_t first_free_ = 0;  // while building: no unit before it is free
};

}  // namespace winnow
