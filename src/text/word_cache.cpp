#include "text/word_cache.h"

namespace winnow {
namespace {

constexpr uint64_t kWriting = 16, kCount = 15, kVersion = 32;

}  // namespace

WordCache::WordCache(int bits)
    : shift_(64 - (bits - 1)), slots_(std::make_unique<Slot[]>(size_t{1} << bits)) {}

// Two slots side by side: the older of two hot words that meet is not lost.
WordCache::Slot* WordCache::set_of(const WordKey& key) const {
  uint64_t hash =
      key.words[0] ^ key.words[1] * 0x9E3779B97F4A7C15u ^ key.words[2] * 0xC2B2AE3D27D4EB4Fu;
  hash = (hash ^ hash >> 29) * 0xD6E8FEB86659FD93u;
  return &slots_[(hash >> shift_) * 2];
}

// A sequence lock: every load acquires, so a value of a later writing brings its state with it, and
// the state read last shows it.
int WordCache::find(const WordKey& key, int32_t* out) const {
  constexpr auto acquire = std::memory_order_acquire;
  const Slot* set = set_of(key);
  for (int way = 0; way < 2; ++way) {
    const Slot& slot = set[way];
    const uint64_t state = slot.state.load(acquire);
    if (slot.key[0].load(acquire) != key.words[0] || slot.key[1].load(acquire) != key.words[1] ||
        slot.key[2].load(acquire) != key.words[2])
      continue;
    const int count = static_cast<int>(state & kCount);
    for (int i = 0; i < (count + 1) / 2; ++i) {
      const uint64_t two = slot.ids[i].load(acquire);
      std::memcpy(out + 2 * i, &two, sizeof two);
    }
    if ((state & kWriting) != 0 || slot.state.load(std::memory_order_relaxed) != state) return 0;
    return count;
  }
  return 0;
}

void WordCache::put(const WordKey& key, const int32_t* ids, int count) {
  constexpr auto release = std::memory_order_release;
  Slot* set = set_of(key);
  const uint64_t states[2] = {set[0].state.load(std::memory_order_relaxed),
                              set[1].state.load(std::memory_order_relaxed)};
  const int way =
      states[0] / kVersion <= states[1] / kVersion ? 0 : 1;  // written less often: empty, or older
  Slot& slot = set[way];
  uint64_t expected = states[way];
  if ((expected & kWriting) != 0 ||
      !slot.state.compare_exchange_strong(expected, expected | kWriting, std::memory_order_acq_rel))
    return;
  for (int i = 0; i < 3; ++i) slot.key[i].store(key.words[i], release);
  for (int i = 0; i < (count + 1) / 2; ++i) {
    uint64_t two = 0;
    std::memcpy(&two, ids + 2 * i,
                sizeof(int32_t) * static_cast<size_t>(count - 2 * i > 1 ? 2 : 1));
    slot.ids[i].store(two, release);
  }
  const uint64_t version = states[way] / kVersion + 1;
  slot.state.store(version * kVersion + static_cast<uint64_t>(count), release);
}

}  // namespace winnow
