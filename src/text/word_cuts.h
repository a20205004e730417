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
  // The bytes of a character, or of a part of one, first byte lowest.
  struct Character {
    uint32_t packed;
    int bytes;
  };
  static Character at(std::string_view text, size_t byte);

  // What stands on both sides of a boundary inside some token, at most a character each: a bit of a
  // hash table, so that two that are in none may seem to be in one. Tokens that begin or end inside
  // a character are few: for them a bit for the two bytes that meet says whether to look.
  static constexpr int kBesideBits = 20;
  static size_t place(uint32_t left, uint32_t right) {
    return (uint64_t{left} << 32 | right) * 0x9E3779B97F4A7C15u >> (64 - kBesideBits);
  }
  bool crossed(Character left, Character right) const;
  void learn(std::string_view token);

  std::vector<uint64_t> beside_, parts_;
};

}  // namespace winnow
