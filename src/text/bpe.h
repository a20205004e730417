// Byte pair encoding: a word's characters, then merged pair by pair, the earliest merge of the file
// first. Immutable and thread-safe. Source: the `tokenizers` library, models/bpe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/model.h"
#include "text/vocabulary.h"

namespace winnow {

struct BpeOptions {
  std::optional<std::string> unknown;  // what stands for a character that is no token
  std::string continuation;            // prefix of characters that do not begin a word
  std::string ending;                  // suffix of the character that ends a word
  bool fuse_unknown = false;           // one unknown token for neighbours
  bool byte_fallback = false;          // <0xNN> tokens for the bytes of an unknown character
  bool ignore_merges = false;          // a word that is a token is that token
};

// Two neighbours and what they become. Open addressing, one load for nearly every look.
class MergeTable {
 public:
  struct Merge {
    int32_t rank = -1, id = -1;  // rank below 0: the pair does not merge
  };
  // Merges in the order of their ranks; of equal pairs the last counts.
  struct Row {
    int32_t left, right, id;
  };
  explicit MergeTable(const std::vector<Row>& rows);

  // What a pair becomes.
  Merge find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t at = place(key);; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.key == key) return slot.merge;
      if (slot.key == kEmpty) return {};
    }
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  struct Slot {
    uint64_t key = kEmpty;
    Merge merge;
  };
  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  size_t place(uint64_t key) const { return (key * 0x9E3779B97F4A7C15u) >> shift_; }

  int shift_;
  size_t mask_;
  std::vector<Slot> slots_;
};

class Bpe final : public Model {
 public:
  // A part of a word on its way to a token.
  struct Symbol {
    int32_t id;
    int32_t bytes;
  };
  // Pairs of tokens, the first to merge first.
  using Merges = std::vector<std::pair<std::string, std::string>>;

  // Throws kCorrupt, opening with `where`, when a merge or what it makes is not in the vocabulary.
  Bpe(Vocabulary vocabulary, const Merges& merges, BpeOptions options, std::string_view where);

  // Throws kTokenizer when a character needs the unknown token and the vocabulary lacks it.
  void tokenize(std::string_view word, std::vector<Piece>& pieces) const override;
  std::optional<int32_t> token_id(std::string_view token) const override {
    return vocabulary_.id(token);
  }
  int32_t size() const override { return vocabulary_.size(); }
  std::optional<std::string_view> token(int32_t id) const override { return vocabulary_.token(id); }

  const BpeOptions& options() const { return options_; }
  // Merges neighbours until none merges. Time n log n in their number. `pair` says what two symbols
  // next to each other at the beginning become.
  template <typename Pair>
  void merge(std::vector<Symbol>& symbols, Pair pair) const {
    if (symbols.size() < 2) return;
    if (symbols.size() > kFew) return merge_many(symbols);
    std::array<MergeTable::Merge, kFew> next;
    for (size_t i = 0; i + 1 < symbols.size(); ++i) next[i] = pair(i);
    merge_few(symbols, next.data());
  }
  void merge(std::vector<Symbol>& symbols) const {
    merge(symbols, [&](size_t i) { return merges_.find(symbols[i].id, symbols[i + 1].id); });
  }
  const MergeTable& merges() const { return merges_; }

 private:
  static constexpr size_t kFew = 40;  // symbols up to which looking at all of them beats a heap

  void characters(std::string_view word, std::vector<Symbol>& symbols) const;
  void merge_few(std::vector<Symbol>& symbols, MergeTable::Merge* next) const;
  void merge_many(std::vector<Symbol>& symbols) const;

  Vocabulary vocabulary_;
  BpeOptions options_;
  MergeTable merges_;
  std::optional<int32_t> unknown_;
  std::vector<int32_t> bytes_;  // ids of <0x00> to <0xFF>, -1 where there is none
};

// From the "model" member of a tokenizer.json.
std::shared_ptr<const Bpe> make_bpe(const Json& json);

// The two tokens of a line of merges.txt, or of a merge written as one string. Throws kCorrupt,
// opening with `where`, unless one space parts them.
std::pair<std::string, std::string> merge_of(std::string_view line, std::string_view where);

}  // namespace winnow
