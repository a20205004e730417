// Where a long word may be cut without changing its byte-level BPE: between two characters that no
// token reaches across. Scripts written without spaces fall into short parts, which a word cache
// knows. Immutable and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace winnow {

class WordCuts {
 public:
  // `tokens` are the bytes of every token that merges can make; others do no harm.
  explicit WordCuts(const std::vector<std::string>& tokens);

  // The end, after byte `begin`, of a part of a word (well-formed UTF-8, begin < size): the next
  // place where it may be cut, or the word's end.
  size_t part_end(std::string_view word, size_t begin) const;

 private:
  // Whole characters beside each other in some token: a bit of a hash table, so that two that are
  // not may seem to be. A token that begins or ends inside one of the two: a bit for the bytes that
  // meet.
  static constexpr int kPairBits = 20;
  static size_t place(char32_t left, char32_t right) {
    return (uint64_t{left} << 32 | right) * 0x9E3779B97F4A7C15u >> (64 - kPairBits);
  }
  void learn(std::string_view token);

  std::vector<uint64_t> pairs_, bytes_;
};

}  // namespace winnow
