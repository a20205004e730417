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
  static constexpr size_t kMaxBytes = 15;
  uint64_t words[2] = {0, 0};

  // The word must have at most kMaxBytes bytes.
  static WordKey of(std::string_view word) {
    WordKey key;
    std::memcpy(key.words, word.data(), word.size());
    key.set_size(word.size());
    return key;
  }
  void set_size(size_t bytes) { words[1] |= static_cast<uint64_t>(bytes) << 56; }
};

class WordCache {
 public:
  static constexpr int kMaxIds = 3;
  static constexpr int kIdBits =
      21;  // three ids are one number; words with a larger id are not kept

  // 2^bits cache lines of two words each.
  explicit WordCache(int bits);

  // Starts the way from memory of what find will look at.
  void prefetch(const WordKey& key) const { __builtin_prefetch(&lines_[line_of(key)]); }

  // Writes the word's ids to out, which has room for kMaxIds, and returns how many; 0 when it is
  // not there.
  //
  // A sequence lock: every load acquires, so a value of a later writing brings its state with it,
  // and the state read last shows it. Both words of the line are compared before the one branch:
  // which of them it is cannot be foreseen.
  int find(const WordKey& key, int32_t* out) const {
    constexpr auto acquire = std::memory_order_acquire;
    const Line& line = lines_[line_of(key)];
    const uint64_t states[2] = {line[0].state.load(acquire), line[1].state.load(acquire)};
    const auto differs = [&](const Slot& slot) {
      return (slot.key[0].load(acquire) ^ key.words[0]) |
             (slot.key[1].load(acquire) ^ key.words[1]);
    };
    const uint64_t first = differs(line[0]), second = differs(line[1]);
    if (first != 0 && second != 0) return 0;
    const int way = first != 0;
    const uint64_t ids = line[way].ids.load(acquire);
    if ((states[way] & kWriting) != 0 ||
        line[way].state.load(std::memory_order_relaxed) != states[way])
      return 0;
    constexpr uint64_t kMask = (uint64_t{1} << kIdBits) - 1;
    for (int i = 0; i < kMaxIds; ++i) out[i] = static_cast<int32_t>(ids >> i * kIdBits & kMask);
    return static_cast<int>(states[way] & kCount);
  }

  // Remembers 1 to kMaxIds ids, or nothing when another thread writes there just now. Displaces an
  // older word.
  void put(const WordKey& key, const int32_t* ids, int count);

 private:
  // state: versions in steps of kVersion, kWriting while it is written, the count of ids below (0:
  // empty).
  static constexpr uint64_t kCount = 3, kWriting = 4, kVersion = 8;
  struct Slot {
    std::atomic<uint64_t> state{0}, key[2]{}, ids{0};
  };
  struct alignas(64) Line {
    Slot slots[2];
    const Slot& operator[](int way) const { return slots[way]; }
  };

  size_t line_of(const WordKey& key) const {
    const uint64_t mixed = key.words[0] ^ key.words[1] * 0x9E3779B97F4A7C15u;
    return (mixed ^ mixed >> 29) * 0xD6E8FEB86659FD93u >> shift_;
  }

  int shift_;
  std::unique_ptr<Line[]> lines_;
};

}  // namespace winnow
