#include "text/word_cache.h"

namespace winnow {

WordCache::WordCache(int bits)
    : shift_(64 - bits), lines_(std::make_unique<Line[]>(size_t{1} << bits)) {}

void WordCache::put(const WordKey& key, const int32_t* ids, int count) {
  constexpr auto release = std::memory_order_release;
  Line& line = lines_[line_of(key)];
  const uint64_t states[2] = {line[0].state.load(std::memory_order_relaxed),
                              line[1].state.load(std::memory_order_relaxed)};
  const int way =
      states[0] / kVersion <= states[1] / kVersion ? 0 : 1;  // written less often: empty, or older
  Slot& slot = line.slots[way];
  uint64_t packed = 0;
  for (int i = 0; i < count; ++i) {
    if (ids[i] >> kIdBits != 0) return;
    packed |= static_cast<uint64_t>(ids[i]) << i * kIdBits;
  }
  uint64_t expected = states[way];
  if ((expected & kWriting) != 0 ||
      !slot.state.compare_exchange_strong(expected, expected | kWriting, std::memory_order_acq_rel))
    return;
  for (int i = 0; i < 2; ++i) slot.key[i].store(key.words[i], release);
  slot.ids.store(packed, release);
  slot.state.store((states[way] / kVersion + 1) * kVersion + static_cast<uint64_t>(count), release);
}

}  // namespace winnow
