// A fixed table from whole words to their tokens, shared by all threads. Readers take no lock; a
// reader that meets a writer sees a miss. Only ever a shortcut: what it answers is what the model
// would.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace winnow {

// The bytes of a word of at most kMaxBytes, zero-padded, its length in the last byte.
struct WordKey {
  static constexpr size_t kMaxBytes = 23;
  uint64_t words[3] = {0, 0, 0};

  // The word must have at most kMaxBytes bytes.
  static WordKey of(std::string_view word) {
    WordKey key;
    std::memcpy(key.words, word.data(), word.size());
    key.set_size(word.size());
    return key;
  }
  void set_size(size_t bytes) { words[2] |= static_cast<uint64_t>(bytes) << 56; }
};

class WordCache {
 public:
  static constexpr int kMaxIds = 8;

  // 2^bits slots of a cache line each.
  explicit WordCache(int bits);

  // Writes the word's ids to out (room for kMaxIds) and returns how many; 0 when it is not there.
  int find(const WordKey& key, int32_t* out) const;

  // Remembers 1 to kMaxIds ids, or nothing when another thread writes there just now. Displaces an
  // older word.
  void put(const WordKey& key, const int32_t* ids, int count);

 private:
  // state: versions in steps of 32, 16 while it is written, the count of ids below (0: empty).
  struct alignas(64) Slot {
    std::atomic<uint64_t> state{0}, key[3]{}, ids[4]{};
  };
  Slot* set_of(const WordKey& key) const;

  int shift_;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace winnow
