// What BERT's normalizer and pre-tokenizer together make of each code point, worked out once for a
// tokenizer. Immutable and thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "text/normalizer.h"
#include "text/word_piece.h"

namespace winnow {

enum class Fate : uint32_t {
  kKept,       // part of a word as it is
  kMapped,     // part of a word as the code point in the payload
  kRemoved,    // as if it were not there
  kSpace,      // ends a word
  kAlone,      // ends a word and is one of its own, whose token is the payload
  kExpanded,   // several entries: expansion(payload)
  kHangul,     // a syllable: its jamo are part of a word
  kReordered,  // may trade places with its neighbours: the text needs the general way
};

// A fate and its payload.
struct Entry {
  uint32_t bits = 0;
  Entry() = default;
  Entry(Fate fate, uint32_t payload) : bits(static_cast<uint32_t>(fate) | payload << 3) {}
  Fate fate() const { return static_cast<Fate>(bits & 7); }
  uint32_t payload() const { return bits >> 3; }
  bool operator==(const Entry&) const = default;
};

class CodePointMap {
 public:
  CodePointMap(const BertOptions& options, const WordPiece& model);

  Entry at(char32_t c) const { return entries_[page_[c >> 8] + (c & 0xFF)]; }
  std::span<const Entry> expansion(uint32_t payload) const;

 private:
  void fill(char32_t first, std::span<Entry> page);
  Entry entry(char32_t c);
  Entry simple(char32_t source, char32_t c, bool alone);  // of a code point that became c
  Entry expanded(const std::vector<Entry>& entries);

  BertOptions options_;
  const WordPiece& model_;
  std::array<uint32_t, 0x1100>
      page_;  // where in entries_ each 256 code points begin; equal pages are one
  std::vector<Entry> entries_;
  std::vector<Entry> expansions_;  // each preceded by its length as payload
};

}  // namespace winnow
